import { sep } from 'node:path';
import type { Say } from './obtain.ts';
import { processesWith, stopProcess, type ProcessRef } from '../../workers/lib/process.ts';
import { leadersOf, stopGroup } from '../../workers/lib/process-group.ts';
import { stackPaths } from './state.ts';

/**
 * Stops the workers of one node, or of all nodes that the stack ever had. A local controller leaves its workers running when it
 * ends; they are known by the node's folder in their environment. Stop the controller first: it carries that variable too.
 */
export function stopWorkers(cwd: string, node: string | undefined, say: Say): Promise<number> {
  const { node: folder } = stackPaths(cwd);
  const nodes = folder('') + sep;
  return stop((dir) => (node ? dir === folder(node) : dir.startsWith(nodes)), say);
}

/** The same for the folders of nodes, which need not be there any more. */
export function stopWorkersIn(folders: ReadonlySet<string>, say: Say): Promise<number> {
  return stop((dir) => folders.has(dir), say);
}

async function stop(belongs: (dir: string) => boolean, say: Say): Promise<number> {
  const workers = leadersOf(processesWith('SEDNA_STATE_DIR', belongs));
  await Promise.all(workers.map((one) => stopGroup(one, 2_000)));
  if (workers.length > 0) say(`${workers.length} worker(s) stopped`);
  return workers.length;
}

export async function stopAll(processes: ProcessRef[]): Promise<void> {
  await Promise.all(processes.map((one) => stopProcess(one, 2_000)));
}
