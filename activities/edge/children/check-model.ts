/** Child process: whether an ONNX file can run here. A file that crashes the runtime ends this process only. */
import { stat } from 'node:fs/promises';
import { listExecutionProviders, OnnxModel } from '../../../sdk/estimators/onnx/index.ts';
import type { TensorInfo } from '../../../sdk/tensor.ts';
import { answerEach } from './lib.ts';

export interface CheckModelChildInput {
  file: string;
  /** Of these, best first, one must work here; empty: any. */
  providers: string[];
  freeBytes: number;
}

/** Refused with the reason in words. `reason`: NotReadable, or what the runtime calls it. */
class Refused extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What a session needs beyond the file: its weights once more, and the runtime itself. */
const perFile = 2;
const besides = 64 << 20;

answerEach(async ({ file, providers, freeBytes }: CheckModelChildInput): Promise<TensorInfo[]> => {
  const { size } = await stat(file).catch((error: Error) => {
    throw new Refused('NotReadable', `it cannot be read: ${error.message}`);
  });
  const needed = size * perFile + besides;
  if (needed > freeBytes) {
    throw new Refused(
      'NotEnoughMemory',
      `it needs about ${mebibytes(needed)} MiB of memory, the node has ${mebibytes(freeBytes)} MiB free`,
    );
  }
  if (providers.length > 0) {
    const there = await listExecutionProviders();
    if (!providers.some((name) => there.includes(name))) {
      throw new Refused('NoProvider', `it wants ${providers.join(' or ')}, the node has ${there.join(', ')}`);
    }
  }
  const model = await OnnxModel.open(file);
  try {
    if (model.inputs.length === 0) throw new Refused('InvalidModel', 'it has no input');
    if (model.outputs.length === 0) throw new Refused('InvalidModel', 'it has no output');
    return [...model.inputs];
  } finally {
    await model.close();
  }
});

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
