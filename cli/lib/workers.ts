/** Workers, as the local controllers of the nodes know them. */
import type { WorkerView } from '../../activities/edge/runtime.ts';
import { nodeViews } from '../../activities/lib/nodes.ts';
import { age } from './columns.ts';
import { printRows, type Format } from './output.ts';
import { withSession, type Session } from './session.ts';

export interface NodeWorker extends WorkerView {
  node: string;
  address: string;
}

const askMs = 3_000;

/** Of every connected node that answers, those that run first. */
export async function workersOf({ client }: Pick<Session, 'client'>): Promise<NodeWorker[]> {
  const nodes = (await nodeViews(client)).filter(({ alive, address }) => alive && address !== undefined);
  const lists = await Promise.all(
    nodes.map(async ({ name, address = '' }) => {
      try {
        const answer = await fetch(`${address}/sedna/workers`, { signal: AbortSignal.timeout(askMs) });
        const workers = (await answer.json()) as WorkerView[];
        return workers.map((worker) => ({ ...worker, node: name, address }));
      } catch {
        process.stderr.write(`node ${name} (${address}) does not answer; its workers are not in this list\n`);
        return [];
      }
    }),
  );
  return lists
    .flat()
    .sort((a, b) => Number(a.state === 'exited') - Number(b.state === 'exited') || a.name.localeCompare(b.name));
}

export async function listWorkers(format: Format | 'name', namespace?: string): Promise<void> {
  await withSession(async (session) => {
    const all = await workersOf(session);
    const workers = namespace === undefined ? all : all.filter(({ owner }) => owner.namespace === namespace);
    if (format === 'name') return workers.forEach(({ name }) => console.log(`worker/${name}`));
    printRows(
      workers,
      [
        ['name', ({ name }) => name],
        ['owner', ({ owner }) => `${owner.kind}/${owner.namespace}/${owner.name}`],
        ['stage', ({ stage }) => stage],
        ['node', ({ node }) => node],
        [
          'state',
          ({ state, exit, ready }) =>
            state === 'exited' ? `exited ${exit?.signal ?? exit?.code ?? '?'}` : ready ? 'ready' : state,
        ],
        ['pid', ({ pid }) => pid],
        ['restarts', ({ restarts }) => restarts],
        ['age', ({ startedAt }) => (startedAt === undefined ? '' : age(startedAt))],
        ['endpoints', ({ endpoints }) => endpoints.map(({ url }) => url).join(',')],
      ],
      format,
    );
  });
}
