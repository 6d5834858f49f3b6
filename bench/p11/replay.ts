import { Worker } from '@temporalio/worker';
import { leanWorkflows } from '../../workers/lib/lean-workflows.ts';
import { entityId } from '../../workflows/lib/ids.ts';
import type { Case } from '../lib/case.ts';
import { median } from '../lib/statistics.ts';
import type { BenchTemporal } from '../lib/temporal.ts';
import type { Framed } from './frame.ts';

/** Of one message to a running entity: signal, workflow task, phase, activity, workflow task, phase. */
const eventsPerMessage = 12;
const boundMs = 200;

/** How long an entity with a long history needs to come back to memory, per history, in a worker that has loaded its code. */
export async function replay(
  temporal: BenchTemporal,
  framed: Framed,
  workflowBundle: { code: string },
  sizes: { replays: number; events: number },
): Promise<Case> {
  await framed.first('long');
  const ref = { kind: 'Framed', namespace: 'default', name: 'long' };
  const handle = temporal.client.workflow.getHandle(entityId(ref));
  // Below the length at which the server suggests continue-as-new (4,096).
  for (let i = 0; i < sizes.events / eventsPerMessage; i++) await framed.next('long');
  const history = await handle.fetchHistory();
  const events = history.events?.length ?? 0;

  const histories = Array.from({ length: sizes.replays + 1 }, (_, i) => ({ workflowId: `replay-${i}`, history }));
  // As in a global manager.
  const options = { workflowBundle, ...leanWorkflows() };
  const times: number[] = [];
  let before = performance.now();
  for await (const { error } of Worker.runReplayHistories(options, histories)) {
    if (error !== undefined) throw error;
    times.push(performance.now() - before);
    before = performance.now();
  }
  // The first one loads the code.
  const value = median(times.slice(1));
  return { name: 'replay of a history', n: events, value, unit: 'ms', goal: { atMost: boundMs } };
}
