import { sep } from 'node:path';
import type { Say } from './obtain.ts';
import { processesWith, stopProcess, type ProcessRef } from '../../workers/lib/process.ts';
import { leadersOf, stopGroup } from '../../workers/lib/process-group.ts';
import { stackPaths } from './state.ts';

/**
 * Stops the workers of one node, or of all nodes that the stack ever had. A local controller leaves its workers running when it
 * ends; they are known by the node's folder in their environment. Stop the controller first: it carries that variable too.
 */
export async function stopWorkers(cwd: string, node: string | undefined, say: Say): Promise<number> {
  const { node: folder } = stackPaths(cwd);
  const nodes = folder('') + sep;
  const belongs = (dir: string): boolean => (node ? dir === folder(node) : dir.startsWith(nodes));
  const workers = leadersOf(processesWith('SEDNA_STATE_DIR', belongs));
  await Promise.all(workers.map((one) => stopGroup(one, 2_000)));
  if (workers.length > 0) say(`${workers.length} worker(s) stopped`);
  return workers.length;
}

export async function stopAll(processes: ProcessRef[]): Promise<void> {
  await Promise.all(processes.map((one) => stopProcess(one, 2_000)));
}
