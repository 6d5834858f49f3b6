import type { Command } from 'commander';
import type { EntityRef } from '../workflows/lib/ids.ts';
import { age } from './lib/columns.ts';
import { explain, type Explanation } from './lib/explanation.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { printDocument, withOutput, type Format } from './lib/output.ts';
import { pendingActivities, type Pending } from './lib/pending.ts';
import { notFound, referenceOf } from './lib/references.ts';
import { withSession } from './lib/session.ts';

interface ExplainOptions extends NamespaceOption {
  output: Format;
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
      const explanation = explain(object);
      const doing = await pendingActivities(client, ref);
      if (output === 'table') tell(ref, explanation, doing);
      else printDocument({ ...explanation, doing }, output);
    });
  });
}

function tell(ref: EntityRef, explanation: Explanation, doing: Pending[]): void {
  const { phase, place, waitingFor, cure, refused, lastRound, conditions } = explanation;
  console.log(`${ref.kind} ${ref.namespace}/${ref.name} is ${phase}${place === '' ? '' : `, ${place}`}`);
  if (waitingFor !== undefined) {
    console.log(`\nwaits for  ${waitingFor.reason}: ${waitingFor.message}`);
    console.log(`since      ${waitingFor.since} (${age(waitingFor.since)})`);
  }
  if (cure !== undefined) console.log(`unblock    ${cure}`);
  if (refused !== undefined) console.log(`refused    ${refused.verb}: ${refused.message}`);
  if (lastRound !== undefined) console.log(`last round ${lastRound.round}: ${lastRound.message}`);
  console.log('');
  for (const { type, status, reason = '', message } of conditions) {
    console.log(`${type.padEnd(12)} ${status.padEnd(6)} ${reason}${message === undefined ? '' : `: ${message}`}`);
  }
  if (doing.length > 0) console.log('\ngoing on:');
  for (const line of doing.map(lineOf)) console.log(`  ${line}`);
}

function lineOf({ activity, queue, state, attempt, progress, lastFailure }: Pending): string {
  const details = [
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    ...(progress === undefined ? [] : [JSON.stringify(progress)]),
    ...(lastFailure === undefined ? [] : [`last failure: ${lastFailure}`]),
  ];
  return [`${activity} on ${queue}: ${state}`, ...details].join(', ');
}
