import type { Weights } from '../../estimators/estimator.ts';
import { matchesAny } from '../../estimators/onnx/globs.ts';
import { readWeights, writeWeights } from '../../tensors/index.ts';
import type { WorkerTask } from '../../worker/task-protocol.ts';

/**
 * What a task begins with: the global weights; layers that stay with this worker as its previous answer left them, else as they are.
 * Whatever the estimator would not take it refuses by name itself.
 */
export async function beginWith(task: WorkerTask, own: Weights): Promise<Weights> {
  if (task.weights === undefined) throw new Error(`task ${task.id} brings no weights`);
  const stays = (name: string) => matchesAny(name, task.excludeLayers);
  const given = await readWeights(task.weights);
  if (task.excludeLayers.length === 0) return given;
  const before = task.previous === undefined ? own : { ...own, ...(await readWeights(task.previous)) };
  return { ...pick(given, (name) => !stays(name)), ...pick(before, stays) };
}

/** Writes every tensor as F32; gives the file's name. */
export async function handOver(file: string, weights: Weights): Promise<string> {
  await writeWeights(file, weights);
  return file;
}

function pick(weights: Weights, wanted: (name: string) => boolean): Weights {
  return Object.fromEntries(Object.entries(weights).filter(([name]) => wanted(name)));
}
