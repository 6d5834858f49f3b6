/** Sedna's own conditions of a joint inference service: `Running` and `Failed`, one more whenever it changes. */
import { allOf, counters, type RoleStatus } from './status.ts';
import type { ServiceView } from './state.ts';

const kept = 20;

export function noteCondition(view: ServiceView, known: RoleStatus[]): void {
  const { own } = view;
  const { active, failed } = counters(known);
  // The original's Failed is the end; here a service that is mended runs again.
  const type = failed > 0 ? 'Failed' : active === known.length ? 'Running' : undefined;
  if (type === undefined || own.conditions.at(-1)?.type === type) return;
  const now = new Date().toISOString();
  const failure = known.find((role) => role.failure !== undefined)?.failure;
  // As in the original: what a worker did has these words, anything else its own.
  const worker = { reason: 'workerFailed', message: 'the worker of service failed' };
  const words = failure !== undefined && isNeed(failure.reason) ? failure : worker;
  own.conditions = [
    ...own.conditions,
    {
      type,
      status: 'True' as const,
      lastHeartbeatTime: now,
      lastTransitionTime: now,
      ...(type === 'Failed' ? words : {}),
    },
  ].slice(-kept);
  if (type === 'Failed') view.emit({ type: 'Warning', ...words });
  else view.emit({ type: 'Normal', reason: 'Running', message: `${allOf(known)} serve` });
}

function isNeed(reason: string): boolean {
  return ['ModelMissing', 'ModelMisfit', 'ModelUnreadable', 'NodeUnknown', 'InvalidTemplate'].includes(reason);
}
