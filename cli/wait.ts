import type { Command } from 'commander';
import { setTimeout as delay } from 'node:timers/promises';
import type { Manifest } from '../crds/lib/kind.ts';
import { valueAt } from './lib/columns.ts';
import { CliError, EXIT } from './lib/errors.ts';
import { withObjects } from './lib/objects.ts';
import { milliseconds, withNamespace, type NamespaceOption } from './lib/options.ts';
import { referenceOf } from './lib/references.ts';

interface WaitOptions extends NamespaceOption {
  for: string;
  timeout: string;
}

const pollMs = 200;

export function register(program: Command): void {
  withNamespace(
    program
      .command('wait <object...>')
      .description('wait for a condition of one object: KIND/NAME')
      .requiredOption(
        '--for <what>',
        'condition=Available, condition=Progressing=False, phase=Waiting, round=2 (or later), delete',
      )
      .option('--timeout <time>', 'for example 30s, 5m', '30s'),
  ).action(async (words: string[], options: WaitOptions) => {
    const ref = referenceOf(words, options.namespace);
    const holds = predicate(options.for);
    const deadline = Date.now() + milliseconds(options.timeout);
    await withObjects(async (objects) => {
      let last: Manifest | undefined;
      while (!holds((last = await objects.get(ref)))) {
        if (Date.now() > deadline) {
          const waiting = valueAt(last, '.status.waitingFor') as { reason: string; message: string } | undefined;
          const word = `${ref.kind.toLowerCase()}/${ref.name}`;
          const hint =
            waiting !== undefined
              ? `it waits for ${waiting.reason}: ${waiting.message}`
              : last === undefined
                ? `there is no ${word} in namespace ${ref.namespace} so far`
                : `sedna explain ${word} says how it is`;
          throw new CliError(`${options.for} did not come true within ${options.timeout}`, {
            code: 'Timeout',
            exitCode: EXIT.timeout,
            hint,
          });
        }
        await delay(pollMs);
      }
      console.log(`${ref.kind.toLowerCase()}/${ref.name} ${options.for}: true`);
    });
  });
}

/** Whether what `--for` names holds of an object; throws on words that it does not know. */
export function predicate(what: string): (object: Manifest | undefined) => boolean {
  if (what === 'delete') return (object) => object === undefined;
  const [subject, name = '', wanted = 'True'] = what.split('=');
  if (subject === 'condition' && name !== '') {
    return (object) =>
      isUpToDate(object) && conditionsOf(object).some(({ type, status }) => same(type, name) && same(status, wanted));
  }
  if (subject === 'phase' && name !== '')
    return (object) => isUpToDate(object) && same(valueAt(object, '.status.phase'), name);
  // A round counts once it has ended.
  if (subject === 'round' && /^\d+$/.test(name))
    return (object) => Number(valueAt(object, '.status.lastRound.round') ?? 0) >= Number(name);
  throw new CliError(`--for ${what} is not understood`, {
    code: 'BadCondition',
    hint: 'condition=NAME[=False], phase=NAME, round=N, delete',
    exitCode: EXIT.usage,
  });
}

function conditionsOf(object: Manifest | undefined): { type?: unknown; status?: unknown }[] {
  const conditions = valueAt(object, '.status.conditions');
  return Array.isArray(conditions) ? (conditions as object[]) : [];
}

/** Nobody means anything else by another case, neither does kubectl. */
function same(found: unknown, wanted: string): boolean {
  return typeof found === 'string' && found.toLowerCase() === wanted.toLowerCase();
}

/** As `kubectl wait` has it: what is said of the generation before an edit says nothing of the edit. */
function isUpToDate(object: Manifest | undefined): boolean {
  const { generation } = object?.metadata ?? {};
  const observed = valueAt(object, '.status.observedGeneration');
  return generation === undefined || typeof observed !== 'number' || observed >= generation;
}
