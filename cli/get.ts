import { Option, type Command } from 'commander';
import { setTimeout as delay } from 'node:timers/promises';
import type { KindDefinition, Manifest } from '../crds/lib/kind.ts';
import { columnsOf } from './lib/columns.ts';
import type { ObjectStore } from './lib/object-store.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { printDocument, renderTable, type Format } from './lib/output.ts';
import { kindsOf, notFound } from './lib/references.ts';
import { withSession } from './lib/session.ts';
import { listWorkers } from './lib/workers.ts';

interface GetOptions extends NamespaceOption {
  allNamespaces?: boolean;
  output: Format | 'wide';
  watch?: boolean;
}

const watchMs = 500;

export function register(program: Command): void {
  withNamespace(
    program
      .command('get <kinds> [name]')
      .description('list objects: KIND[,KIND…] [NAME], KIND/NAME, all, or workers')
      .option('-A, --all-namespaces', 'of every namespace')
      .option('-w, --watch', 'go on printing what changes')
      .addOption(
        new Option('-o, --output <format>', 'how to print').choices(['table', 'wide', 'json', 'yaml']).default('table'),
      ),
  ).action(async (kinds: string, name: string | undefined, options: GetOptions) => {
    const [words = '', slashed] = kinds.split('/');
    if (words === 'workers') return listWorkers(options.output === 'wide' ? 'table' : options.output);
    const query = { kinds: kindsOf(words), name: name ?? slashed, options };
    await withSession(async ({ objects }) => {
      print(await find(objects, query), query);
      if (options.watch === true) await watch(objects, query);
    });
  });
}

interface Query {
  kinds: KindDefinition[];
  name: string | undefined;
  options: GetOptions;
}

type Found = { kind: KindDefinition; items: Manifest[] }[];

async function find(objects: ObjectStore, { kinds, name, options }: Query): Promise<Found> {
  return Promise.all(
    kinds.map(async (kind) => {
      if (name === undefined) {
        return {
          kind,
          items: await objects.list(kind.kind, options.allNamespaces === true ? undefined : options.namespace),
        };
      }
      const ref = { kind: kind.kind, namespace: options.namespace, name };
      const item = await objects.get(ref);
      if (item === undefined) throw notFound(ref);
      return { kind, items: [item] };
    }),
  );
}

function print(found: Found, { kinds, name, options }: Query): void {
  const { output } = options;
  if (output === 'json' || output === 'yaml') {
    const items = found.flatMap(({ items: some }) => some);
    if (options.watch === true) return items.forEach((item) => printOneOf(item, output));
    const [only] = items;
    printDocument(name !== undefined && only !== undefined ? only : { apiVersion: 'v1', kind: 'List', items }, output);
    return;
  }
  const tables = found
    .filter(({ items }) => items.length > 0)
    .map(({ kind, items }) => {
      const prefixed = kinds.length > 1 ? items.map((item) => withPrefix(item, kind)) : items;
      const columns = columnsOf(kind, { wide: output === 'wide', namespace: options.allNamespaces === true });
      return renderTable(prefixed, columns);
    });
  console.log(tables.length === 0 ? 'No resources found.' : tables.join('\n\n'));
}

/** Of a stream that goes on: each object is a document. */
function printOneOf(item: Manifest, output: 'json' | 'yaml'): void {
  if (output === 'yaml') console.log('---');
  printDocument(item, output);
}

function withPrefix(item: Manifest, kind: KindDefinition): Manifest {
  return { ...item, metadata: { ...item.metadata, name: `${kind.singular}/${item.metadata.name}` } };
}

/** Prints each object again whenever its line changes. Ends with the process. */
async function watch(objects: ObjectStore, query: Query): Promise<never> {
  const shown = new Map<string, string>();
  const { output, allNamespaces } = query.options;
  const show = (kind: KindDefinition, item: Manifest): void => {
    if (output === 'json' || output === 'yaml') return printOneOf(item, output);
    const columns = columnsOf(kind, { wide: output === 'wide', namespace: allNamespaces === true });
    console.log(renderTable([item], columns).split('\n')[1] ?? '');
  };
  for (let first = true; ; first = false) {
    for (const { kind, items } of await find(objects, query)) {
      for (const item of items) {
        // The age changes every second and is no news.
        const state = JSON.stringify([item.metadata.generation, item.status]);
        const key = `${kind.kind}/${item.metadata.namespace}/${item.metadata.name}`;
        if (!first && shown.get(key) !== state) show(kind, item);
        shown.set(key, state);
      }
    }
    await delay(watchMs);
  }
}
