import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import { entityId, type EntityRef } from '../workflows/lib/ids.ts';
import type { Manifest } from '../crds/lib/kind.ts';
import { age, valueAt } from './lib/columns.ts';
import { cures } from './lib/cures.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { printDocument, withOutput, type Format } from './lib/output.ts';
import { notFound, referenceOf } from './lib/references.ts';
import { withSession } from './lib/session.ts';

interface ExplainOptions extends NamespaceOption {
  output: Format;
}

interface Pending {
  activity: string;
  queue: string;
  state: string;
  attempt: number;
  progress?: unknown;
  lastFailure?: string;
}

export function register(program: Command): void {
  const command = program
    .command('explain <object...>')
    .description('what an object waits for, since when, and what would unblock it');
  withOutput(withNamespace(command)).action(async (words: string[], { namespace, output }: ExplainOptions) => {
    const ref = referenceOf(words, namespace);
    await withSession(async ({ objects, client }) => {
      const object = await objects.get(ref);
      if (object === undefined) throw notFound(ref);
      const explanation = { ...explain(object), doing: await pending(client, ref) };
      if (output === 'table') tell(ref, explanation);
      else printDocument(explanation, output);
    });
  });
}

type Explanation = ReturnType<typeof explain>;

/** From status alone. */
export function explain(object: Manifest) {
  const at = (path: string): unknown => valueAt(object, `.status.${path}`);
  const waiting = at('waitingFor') as { reason: string; message: string; since: string } | undefined;
  const conditions =
    (at('conditions') as
      { type: string; status: string; reason?: string; message?: string; stage?: string }[] | undefined) ?? [];
  return {
    phase: String(at('phase') ?? 'Unknown: no global manager has taken it up yet; is one running (sedna doctor)?'),
    stage: at('stage'),
    round: at('round'),
    waitingFor: waiting,
    cure: waiting === undefined ? undefined : cures[waiting.reason],
    refused: at('refused') as { verb: string; message: string } | undefined,
    lastRound: at('lastRound') as { round: number; message: string } | undefined,
    conditions: conditions
      .filter(({ stage, status, type }) => stage === undefined && (status === 'True' || type === 'Available'))
      .map(({ type, status, reason, message }) => ({ type, status, reason, message })),
  };
}

/** What its workflow and its rounds have going, with the progress that their heartbeats carry. */
async function pending(client: Client, ref: EntityRef): Promise<Pending[]> {
  const found: Pending[] = [];
  const id = entityId(ref);
  const ids = [id];
  for await (const { workflowId } of client.workflow.list({
    query: `WorkflowId STARTS_WITH "${id}/" AND ExecutionStatus = "Running"`,
  }))
    ids.push(workflowId);
  for (const workflowId of ids) {
    const description = await client.workflow
      .getHandle(workflowId)
      .describe()
      .catch(() => undefined);
    for (const activity of description?.raw.pendingActivities ?? []) {
      const details = activity.heartbeatDetails?.payloads?.[0]?.data;
      const text = details === null || details === undefined ? undefined : Buffer.from(details).toString('utf8');
      const running = activity.state === 2;
      found.push({
        activity: activity.activityType?.name ?? '',
        queue: activity.activityOptions?.taskQueue?.name ?? '',
        state: running ? 'running' : 'waiting for its node',
        attempt: activity.attempt ?? 1,
        ...(text === undefined || text === '' || text === 'null' ? {} : { progress: JSON.parse(text) as unknown }),
        ...(activity.lastFailure?.message ? { lastFailure: activity.lastFailure.message } : {}),
      });
    }
  }
  return found;
}

function tell(
  ref: EntityRef,
  { phase, stage, round, waitingFor, cure, refused, lastRound, conditions, doing }: Explanation & { doing: Pending[] },
): void {
  const where =
    round === undefined ? '' : `, round ${String(round)}${stage === undefined ? '' : `, stage ${String(stage)}`}`;
  console.log(`${ref.kind} ${ref.namespace}/${ref.name} is ${phase}${where}`);
  if (waitingFor !== undefined) {
    console.log(`\nwaits for  ${waitingFor.reason}: ${waitingFor.message}`);
    console.log(`since      ${waitingFor.since} (${age(waitingFor.since)})`);
    if (cure !== undefined) console.log(`unblock    ${cure}`);
  }
  if (refused !== undefined) console.log(`refused    ${refused.verb}: ${refused.message}`);
  if (lastRound !== undefined) console.log(`last round ${lastRound.round}: ${lastRound.message}`);
  console.log('');
  for (const { type, status, reason, message } of conditions) {
    console.log(`${type.padEnd(12)} ${status.padEnd(6)} ${reason ?? ''}${message === undefined ? '' : `: ${message}`}`);
  }
  if (doing.length > 0) console.log('\ngoing on:');
  for (const { activity, queue, state, attempt, progress, lastFailure } of doing) {
    const detail = progress === undefined ? '' : ` ${JSON.stringify(progress)}`;
    console.log(
      `  ${activity} on ${queue}: ${state}${attempt > 1 ? `, attempt ${attempt}` : ''}${detail}${lastFailure === undefined ? '' : `; last failure: ${lastFailure}`}`,
    );
  }
}
