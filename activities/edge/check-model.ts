/** The gate in front of a worker: a model that cannot run on this node is named here, and never reaches one. */
import { statfs } from 'node:fs/promises';
import { freemem } from 'node:os';
import type { TensorInfo } from '../../sdk/tensor.ts';
import type { CheckModelInput, ModelVerdict } from '../contracts.ts';
import { namingFullDisk } from '../lib/failure.ts';
import type { FailureType } from '../../workflows/lib/failures.ts';
import type { CheckModelChildInput } from './children/check-model.ts';
import { ChildError, inChild } from './lib/child.ts';
import { isReadyMade } from './lib/ready-made.ts';
import { readContainer, type Container } from './lib/template.ts';
import { modelFile } from './model-files.ts';
import type { WorkerDependencies } from './worker.ts';

/** A model that does not load within this time is not one to serve with. */
const checkMs = 120_000;
/** The variable with which a template chooses execution providers, best first. */
const providersVariable = 'SEDNA_PROVIDERS';

/** Repeatable: it only reads. What is no ONNX file is judged by its worker alone: nobody else here can read it. */
export async function checkModel(
  deps: WorkerDependencies,
  { model, worker }: CheckModelInput,
  signal: AbortSignal,
): Promise<ModelVerdict> {
  if (model.format.toLowerCase() !== 'onnx') return {};
  try {
    if (model.blob !== undefined) await fitsDisk(deps.stateDir, model.blob.bytes);
    const container = await readContainer(deps.blobs, worker);
    const input: CheckModelChildInput = {
      file: await namingFullDisk(() => modelFile(deps, model)),
      providers: providersOf(container),
      freeBytes: process.availableMemory?.() ?? freemem(),
    };
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(checkMs)]);
    const inputs = await inChild<TensorInfo[]>('check-model', input, bounded);
    return isReadyMade(container.image) ? { inputs } : {};
  } catch (error) {
    if (signal.aborted) throw error;
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    const { message } = error as Error;
    const which = model.blob === undefined ? model.url : `the live version of ${model.url}`;
    return { problem: { reason, message: message.startsWith(model.url) ? message : `${which}: ${message}` } };
  }
}

/** `ModelMisfit` and `ModelUnreadable` are verdicts; any other error is the node's, and Temporal tries again. */
function reasonOf(error: unknown): FailureType | undefined {
  const { name, type, reason } = error as { name?: string; type?: string; reason?: string };
  if (name === 'TimeoutError') return 'ModelMisfit';
  if (error instanceof ChildError) return reason === 'NotReadable' ? 'ModelUnreadable' : 'ModelMisfit';
  if (error instanceof Misfit || type === 'WorkerFailed') return 'ModelMisfit';
  if (type === 'ModelUnreadable') return 'ModelUnreadable';
  return undefined;
}

class Misfit extends Error {}

async function fitsDisk(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (bytes > free)
    throw new Misfit(`it has ${mebibytes(bytes)} MiB, the disk of the node ${mebibytes(free)} MiB free`);
}

function providersOf({ env = [] }: Container): string[] {
  const given = env.find(({ name }) => name === providersVariable)?.value ?? '';
  return given
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function mebibytes(bytes: number): number {
  return Math.floor(bytes / 2 ** 20);
}
