import type { Weights } from '../../estimators/estimator.ts';
import { OnnxError } from '../../estimators/onnx/errors.ts';
import { matchesAny } from '../../estimators/onnx/globs.ts';
import { readModelWeights } from '../../estimators/onnx/model-weights.ts';
import { bootId } from '../../storage/boot.ts';
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

/**
 * Writes every tensor as F32; gives the file's name. Only layers that stay with this worker must outlive a power cut: all others are
 * asked for again after one.
 */
export async function handOver({ output, excludeLayers }: HandedOver, weights: Weights): Promise<string> {
  const flush = excludeLayers.length > 0 || bootId() === undefined;
  await writeWeights(output, weights, { flush });
  return output;
}

type HandedOver = Pick<WorkerTask, 'excludeLayers'> & { output: string };

/** What the rounds begin with, of the bytes of a model file. Undefined: it is no ONNX file, or none of its weights trains. */
export function modelWeights(bytes: Uint8Array, name: string): Weights | undefined {
  try {
    const weights = readModelWeights(bytes, name);
    return Object.keys(weights).length === 0 ? undefined : weights;
  } catch (error) {
    if (error instanceof OnnxError) return undefined;
    throw error;
  }
}

/** Without the tensors that stay with their worker. */
export function shared(weights: Weights, excludeLayers: readonly string[] = []): Weights {
  return pick(weights, (name) => !matchesAny(name, excludeLayers));
}

function pick(weights: Weights, wanted: (name: string) => boolean): Weights {
  return Object.fromEntries(Object.entries(weights).filter(([name]) => wanted(name)));
}
