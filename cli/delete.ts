import type { Command } from 'commander';
import { setTimeout as delay } from 'node:timers/promises';
import type { Manifest } from '../crds/lib/kind.ts';
import type { EntityRef } from '../workflows/lib/ids.ts';
import { each } from './lib/each.ts';
import { CliError, EXIT } from './lib/errors.ts';
import { filesOf, readDocuments } from './lib/manifest-files.ts';
import type { ObjectStore } from './lib/object-store.ts';
import { milliseconds, namespaceOf, withNamespace, type NamespaceOption } from './lib/options.ts';
import { kindOf, notFound, referencesOf } from './lib/references.ts';
import { withSession } from './lib/session.ts';

interface DeleteOptions extends NamespaceOption {
  filename?: string[];
  wait: boolean;
  timeout: string;
  ignoreNotFound?: boolean;
}

const pollMs = 200;

export function register(program: Command): void {
  withNamespace(
    program
      .command('delete [object...]')
      .description('delete objects with all that they run: KIND/NAME…, or -f FILE')
      .option('-f, --filename <file...>', 'the objects of these files or folders')
      .option('--no-wait', 'return before they are gone')
      .option('--timeout <time>', 'how long to wait, for example 30s', '60s')
      .option('--ignore-not-found', 'an object that is not there is no error'),
  ).action(async (words: string[], options: DeleteOptions, command: Command) => {
    if (words.length > 0 && options.filename !== undefined)
      throw new CliError('objects and -f exclude each other', {
        code: 'BadUsage',
        hint: 'leave one out',
        exitCode: EXIT.usage,
      });
    const refs =
      words.length > 0
        ? referencesOf(words, options.namespace)
        : filesOf(options.filename ?? [])
            .flatMap((file) => refsOf(file, command))
            .reverse();
    if (refs.length === 0)
      throw new CliError('which object?', { code: 'NoName', hint: 'KIND/NAME or -f FILE', exitCode: EXIT.usage });
    await withSession(async ({ objects }) => {
      await each(refs, (ref) => remove(objects, ref, options));
    });
  });
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
