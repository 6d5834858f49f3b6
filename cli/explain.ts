import type { Command } from 'commander';
import { managerAnswers } from '../activities/lib/entities.ts';
import type { EntityRef } from '../workflows/lib/ids.ts';
import { age } from './lib/columns.ts';
import { explain, type Explanation, type Help } from './lib/explanation.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { printDocument, withOutput, type Format } from './lib/output.ts';
import { pendingActivities, type Pending } from './lib/pending.ts';
import { notFound, referencesOf } from './lib/references.ts';
import { withSession, type Session } from './lib/session.ts';

interface ExplainOptions extends NamespaceOption {
  output: Format;
}

/** An explanation with what Temporal knows beyond the status. */
interface Told extends Explanation {
  object: string;
  doing: Pending[];
  /** Nobody derives the status at present: what is shown may be old. */
  stale: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('explain <object...>')
    .description('what an object waits for, since when, and what would unblock it: KIND/NAME, or several of them');
  withOutput(withNamespace(command)).action(async (words: string[], { namespace, output }: ExplainOptions) => {
    const refs = referencesOf(words, namespace);
    await withSession(async (session) => {
      const told: Told[] = [];
      for (const ref of refs) {
        const one = await learn(session, ref);
        told.push(one);
        if (output === 'table') tell(one, told.length > 1);
      }
      if (output !== 'table') printDocument(refs.length === 1 ? told[0] : told, output);
    });
  });
}

async function learn({ objects, client }: Session, ref: EntityRef): Promise<Told> {
  const object = await objects.get(ref);
  if (object === undefined) throw notFound(ref);
  const [doing, answers] = await Promise.all([pendingActivities(client, ref), managerAnswers(client, ref)]);
  return { object: `${ref.kind} ${ref.namespace}/${ref.name}`, ...explain(ref, object), doing, stale: !answers };
}

function tell(told: Told, another: boolean): void {
  const { object, phase, place, waitingFor, refused, lastRound, conditions, doing, stale } = told;
  if (another) console.log('');
  console.log(`${object} is ${phase}${place === '' ? '' : `, ${place}`}`);
  if (waitingFor !== undefined) {
    console.log(`\nwaits for  ${waitingFor.reason}: ${waitingFor.message}`);
    console.log(`since      ${waitingFor.since} (${age(waitingFor.since)})`);
    tellHelp(waitingFor);
  }
  if (refused !== undefined) {
    console.log(`\nrefused    ${refused.verb}: ${refused.message}`);
    console.log(`since      ${refused.time} (${age(refused.time)})`);
    tellHelp(refused);
  }
  if (lastRound !== undefined) {
    console.log(`\nlast round ${lastRound.round}: ${lastRound.message}`);
    tellHelp(lastRound);
  }
  if (conditions.length > 0) console.log('');
  for (const condition of conditions) {
    const { type, status, since, reason = '', message } = condition;
    const held = since === undefined ? '' : `since ${age(since)}`;
    console.log(`${type.padEnd(12)} ${status.padEnd(6)} ${held.padEnd(10)} ${reason}${message ? `: ${message}` : ''}`);
    tellHelp(condition, '             ');
  }
  if (doing.length > 0) console.log('\ngoing on:');
  for (const line of doing.map(lineOf)) console.log(`  ${line}`);
  if (stale) {
    console.log('\nno global manager answers: what is said above may be old');
    console.log('unblock    sedna doctor says what runs; sedna up starts what does not, sedna gm one by hand');
    console.log('more       docs/errors.md#noglobalmanager');
  }
}

function tellHelp({ cure, more }: Help, indent = ''): void {
  if (cure !== undefined) console.log(`${indent}unblock    ${cure}`);
  if (more !== undefined) console.log(`${indent}more       ${more}`);
}

function lineOf({ activity, queue, state, attempt, progress, lastFailure }: Pending): string {
  const details = [
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    ...(progress === undefined ? [] : [JSON.stringify(progress)]),
    ...(lastFailure === undefined ? [] : [`last failure: ${lastFailure}`]),
  ];
  return [`${activity} on ${queue}: ${state}`, ...details].join(', ');
}
