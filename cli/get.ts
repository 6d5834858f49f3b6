import { Option, type Command } from 'commander';
import { setTimeout as delay } from 'node:timers/promises';
import type { KindDefinition, Manifest } from '../crds/lib/kind.ts';
import { columnsOf } from './lib/columns.ts';
import { each } from './lib/each.ts';
import { badUsage, CliError } from './lib/errors.ts';
import { labelSelector, namesAndLabels } from './lib/label-selector.ts';
import type { ObjectStore } from './lib/object-store.ts';
import { withObjects } from './lib/objects.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { printDocument, renderTable, type Format } from './lib/output.ts';
import { notFound, selectionsOf, type Selection } from './lib/references.ts';
import { withoutManagedFields } from './lib/written.ts';

interface GetOptions extends NamespaceOption {
  allNamespaces?: boolean;
  selector?: string;
  output: Format | 'wide' | 'name';
  watch?: boolean;
}

const watchMs = 500;

export function register(program: Command): void {
  withNamespace(
    program
      .command('get <objects...>')
      .description('list objects: KIND[,KIND…] [NAME…], KIND/NAME…, all, or workers')
      .option('-A, --all-namespaces', 'of every namespace')
      .option('-l, --selector <labels>', 'only those with these labels, for example app=vision,tier!=test')
      .option('-w, --watch', 'go on printing what changes')
      .addOption(
        new Option('-o, --output <format>', 'how to print')
          .choices(['table', 'wide', 'json', 'yaml', 'name'])
          .default('table'),
      ),
  ).action(async (words: string[], options: GetOptions, command: Command) => {
    if (words[0] === 'workers') {
      const isNamed = command.getOptionValueSource('namespace') !== 'default' && options.allNamespaces !== true;
      return workersAsAsked(words, options, isNamed ? options.namespace : undefined);
    }
    const query = queryOf(words, options);
    await withObjects(async (objects) => {
      const { found, missing } = await find(objects, query);
      print(found, query);
      if (missing !== undefined) throw missing;
      if (options.watch === true) await watch(objects, query, found);
    });
  });
}

/** Of all namespaces, unless one is named: a node has those of all. */
async function workersAsAsked(
  words: string[],
  { output, selector, watch: isWatch }: GetOptions,
  namespace?: string,
): Promise<void> {
  if (words.length > 1) throw badUsage('workers are listed all', 'sedna logs NAME shows what one has printed');
  if (selector !== undefined)
    throw badUsage('workers have no labels', 'sedna get workers lists all, -n those of a namespace');
  if (isWatch === true) {
    const hint = 'sedna logs -f follows one; sedna get -w follows the object that it works for';
    throw badUsage('workers cannot be watched', hint);
  }
  const { listWorkers } = await import('./lib/workers.ts');
  return listWorkers(output === 'wide' ? 'table' : output, namespace);
}

interface Query {
  selections: Selection[];
  isWanted: (object: Manifest) => boolean;
  options: GetOptions;
}

function queryOf(words: string[], options: GetOptions): Query {
  const selections = selectionsOf(words);
  const selector = options.selector?.trim() ?? '';
  // Also an empty one, which scripts make of no labels: as with kubectl.
  if (selector === '') return { selections, options, isWanted: () => true };
  if (selections.some(({ name }) => name !== undefined)) throw namesAndLabels();
  const holds = labelSelector(selector);
  return { selections, options, isWanted: ({ metadata }) => holds(metadata.labels) };
}

type Found = { kind: KindDefinition; items: Manifest[] }[];

/** What there is; `missing` says what was named and is not there. */
async function find(objects: ObjectStore, query: Query): Promise<{ found: Found; missing?: CliError }> {
  const { selections, isWanted, options } = query;
  const found: Found = [];
  const kinds = [...new Set(selections.flatMap((selection) => selection.kinds))];
  const missing = await each(kinds, async (kind) => {
    const names = selections.filter((selection) => selection.kinds.includes(kind)).map(({ name }) => name);
    const one = { kind, items: [] as Manifest[] };
    found.push(one);
    await each(names, async (name) => {
      one.items.push(...(await itemsOf(objects, { kind: kind.kind, name, options })).filter(isWanted));
    });
  }).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof CliError) return error;
      throw error;
    },
  );
  return { found, ...(missing === undefined ? {} : { missing }) };
}

async function itemsOf(
  objects: ObjectStore,
  { kind, name, options }: { kind: string; name: string | undefined; options: GetOptions },
): Promise<Manifest[]> {
  if (name === undefined) return objects.list(kind, options.allNamespaces === true ? undefined : options.namespace);
  const ref = { kind, namespace: options.namespace, name };
  const item = await objects.get(ref);
  if (item === undefined) throw notFound(ref);
  return [item];
}

function print(found: Found, { selections, options }: Query): void {
  const { output } = options;
  const items = found.flatMap(({ kind, items: some }) => some.map((item) => ({ kind, item })));
  if (output === 'name')
    return items.forEach(({ kind, item }) => console.log(`${kind.singular}/${item.metadata.name}`));
  if (output === 'json' || output === 'yaml') {
    const documents = items.map(({ item }) => withoutManagedFields(item));
    if (options.watch === true) return documents.forEach((item) => printOneOf(item, output));
    const [only] = documents;
    const isOne = selections.length === 1 && selections[0]?.name !== undefined && only !== undefined;
    return printDocument(isOne ? only : { apiVersion: 'v1', kind: 'List', items: documents }, output);
  }
  const tables = found.filter((some) => some.items.length > 0).map((some) => tableOf(some, found.length > 1, options));
  if (tables.length > 0) console.log(tables.join('\n\n'));
  // Not on standard output, whose reader wants objects.
  else console.error('No resources found.');
}

/** Of a stream that goes on: each object is a document. */
function printOneOf(item: Manifest, output: 'json' | 'yaml'): void {
  if (output === 'yaml') console.log('---');
  printDocument(item, output);
}

function tableOf({ kind, items }: Found[number], prefixed: boolean, { output, allNamespaces }: GetOptions): string {
  const columns = columnsOf(kind, { wide: output === 'wide', namespace: allNamespaces === true });
  return renderTable(prefixed ? items.map((item) => withPrefix(item, kind)) : items, columns);
}

function withPrefix(item: Manifest, kind: KindDefinition): Manifest {
  return { ...item, metadata: { ...item.metadata, name: `${kind.singular}/${item.metadata.name}` } };
}

/** Prints each object again whenever its line changes, under the columns of the first table. Ends with the process. */
async function watch(objects: ObjectStore, query: Query, first: Found): Promise<never> {
  const { output } = query.options;
  const shown = new Map<string, string>();
  // The age changes every second and is no news.
  const keyOf = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.namespace}/${metadata.name}`;
  const stateOf = ({ metadata, status }: Manifest): string => JSON.stringify([metadata.generation, status]);
  for (const { items } of first) for (const item of items) shown.set(keyOf(item), stateOf(item));
  const show = (kind: KindDefinition, item: Manifest): void => {
    if (output === 'name') return console.log(`${kind.singular}/${item.metadata.name}`);
    if (output === 'json' || output === 'yaml') return printOneOf(withoutManagedFields(item), output);
    const before = first.find((some) => some.kind === kind)?.items ?? [];
    const table = tableOf({ kind, items: [...before, item] }, first.length > 1, query.options);
    console.log(table.split('\n').at(-1));
  };
  for (;;) {
    await delay(watchMs);
    const { found, missing } = await find(objects, query);
    if (missing !== undefined) throw missing;
    for (const { kind, items } of found) {
      for (const item of items) {
        if (shown.get(keyOf(item)) === stateOf(item)) continue;
        shown.set(keyOf(item), stateOf(item));
        show(kind, item);
      }
    }
  }
}
