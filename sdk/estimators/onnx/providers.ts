import { GraphBuilder } from './graph/builder.ts';
import { OnnxModel } from './onnx-model.ts';
import { ort } from './runtime.ts';

let found: Promise<string[]> | undefined;

/**
 * Execution providers that really load here, best first, 'cpu' last. The runtime lists what it was compiled for, so each
 * is tried with a tiny model that must give the right answer. The result is kept for the life of the process.
 */
export function listExecutionProviders(): Promise<string[]> {
  return (found ??= probe());
}

async function probe(): Promise<string[]> {
  const working: string[] = [];
  for (const { name } of ort.listSupportedBackends()) {
    if (name !== 'cpu' && (await computes(name))) working.push(name);
  }
  return [...working, 'cpu'];
}

async function computes(provider: string): Promise<boolean> {
  try {
    const model = await OnnxModel.open(new GraphBuilder().input([2]).relu().toBytes(), {
      providers: [provider],
      strict: true,
    });
    const feed = { datatype: 'float32' as const, shape: [1, 2], data: Float32Array.of(-1, 2) };
    const { output } = await model.run({ input: feed });
    await model.close();
    return output !== undefined && output.data[0] === 0 && output.data[1] === 2;
  } catch {
    return false;
  }
}
