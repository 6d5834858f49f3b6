import type { Command } from 'commander';
import { setTimeout as delay } from 'node:timers/promises';
import type { Manifest } from '../crds/lib/kind.ts';
import type { EntityRef } from '../workflows/lib/ids.ts';
import { each } from './lib/each.ts';
import { badUsage, CliError, EXIT } from './lib/errors.ts';
import { labelSelector, namesAndLabels } from './lib/label-selector.ts';
import { filesOf, readDocuments } from './lib/manifest-files.ts';
import type { ObjectStore } from './lib/object-store.ts';
import { withObjects } from './lib/objects.ts';
import { milliseconds, namespaceOf, withNamespace, type NamespaceOption } from './lib/options.ts';
import { kindOf, notFound, referencesOf, selectionsOf } from './lib/references.ts';

interface DeleteOptions extends NamespaceOption {
  filename?: string[];
  all?: boolean;
  selector?: string;
  wait: boolean;
  timeout: string;
  ignoreNotFound?: boolean;
}

const pollMs = 200;

export function register(program: Command): void {
  withNamespace(
    program
      .command('delete [object...]')
      .description('delete objects with all that they run: KIND/NAME…, KIND -l LABELS, KIND --all, or -f FILE')
      .option('-f, --filename <file...>', 'the objects of these files or folders')
      .option('-l, --selector <labels>', 'those of KIND with these labels, for example app=vision,tier!=test')
      .option('--all', 'all of KIND in the namespace')
      .option('--no-wait', 'return before they are gone')
      .option('--timeout <time>', 'how long to wait, for example 30s', '60s')
      .option('--ignore-not-found', 'an object that is not there is no error'),
  ).action(async (words: string[], options: DeleteOptions, command: Command) => {
    const choose = chosenBy(words, options, command);
    await withObjects(async (objects) => {
      const refs = await choose(objects);
      if (refs.length === 0) console.error('No resources found.');
      await each(refs, (ref) => remove(objects, ref, options));
    });
  });
}

/** How the objects are found that are to go: known before a server is asked, unless labels choose them. */
function chosenBy(
  words: string[],
  { namespace, filename, all, selector }: DeleteOptions,
  command: Command,
): (objects: ObjectStore) => Promise<EntityRef[]> {
  if (words.length > 0 && filename !== undefined) throw badUsage('objects and -f exclude each other', 'leave one out');
  if (all === true && selector !== undefined) throw badUsage('--all and -l exclude each other', 'leave one out');
  if (all === true) return those(words, '--all', namespace, () => true);
  if (selector !== undefined) return those(words, '-l', namespace, labelSelector(selector));
  const inFiles = (): EntityRef[] => filesOf(filename ?? []).flatMap((file) => refsOf(file, command));
  const refs = words.length > 0 ? referencesOf(words, namespace) : inFiles().reverse();
  if (refs.length === 0) throw unnamed('which object?', 'KIND/NAME or -f FILE');
  return () => Promise.resolve(refs);
}

function those(
  words: string[],
  flag: '-l' | '--all',
  namespace: string,
  holds: (labels: Manifest['metadata']['labels']) => boolean,
) {
  const [selection, ...more] = words.length > 0 ? selectionsOf(words) : [];
  if (selection === undefined) throw unnamed('which kind?', 'KIND -l LABELS, or KIND --all');
  if (more.length > 0 || selection.name !== undefined) throw namesAndLabels(flag);
  return async (objects: ObjectStore): Promise<EntityRef[]> => {
    const found = await Promise.all(
      selection.kinds.map(async ({ kind }) => {
        const listed = await objects.list(kind, namespace);
        return listed
          .filter(({ metadata }) => holds(metadata.labels))
          .map(({ metadata }) => ({ kind, namespace, name: metadata.name }));
      }),
    );
    return found.flat();
  };
}

function unnamed(message: string, hint: string): CliError {
  return new CliError(message, { code: 'NoName', hint, exitCode: EXIT.usage });
}

/** Kind and name are enough: what is to go need not be valid any more. */
function refsOf(file: string, command: Command): EntityRef[] {
  return readDocuments(file).map(({ value, line, source }) => {
    const { kind, metadata } = (value ?? {}) as Partial<Manifest>;
    if (typeof kind !== 'string' || typeof metadata?.name !== 'string') {
      const hint = 'each document needs kind and metadata.name';
      throw new CliError(`${source}:${line}: which object?`, { code: 'InvalidSpec', hint, exitCode: EXIT.usage });
    }
    return { kind: kindOf(kind).kind, namespace: namespaceOf(metadata, command), name: metadata.name };
  });
}

async function remove(objects: ObjectStore, ref: EntityRef, options: DeleteOptions): Promise<void> {
  if (!(await objects.delete(ref))) {
    if (options.ignoreNotFound === true) return;
    throw notFound(ref);
  }
  const deadline = Date.now() + milliseconds(options.timeout);
  while (options.wait && (await objects.get(ref)) !== undefined) {
    if (Date.now() > deadline) {
      throw new CliError(`${ref.kind} ${ref.name} is not gone after ${options.timeout}`, {
        code: 'Timeout',
        hint: `sedna describe ${ref.kind.toLowerCase()}/${ref.name} says what it waits for`,
        exitCode: EXIT.timeout,
      });
    }
    await delay(pollMs);
  }
  console.log(`${ref.kind.toLowerCase()}/${ref.name} deleted`);
}
