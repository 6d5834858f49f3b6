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

export interface ProviderChoice {
  name: string;
  /** Why this one: for people. */
  reason: string;
}

/** The first of the preferred providers that works here; the CPU, with the reason, if none does. */
export async function chooseProvider(preferences: readonly string[]): Promise<ProviderChoice> {
  const [first = 'cpu'] = preferences;
  if (first === 'cpu') return { name: 'cpu', reason: 'it is the first choice' };
  const working = await listExecutionProviders();
  const known = ort.listSupportedBackends().map(({ name }) => name);
  const chosen = preferences.find((name) => working.includes(name)) ?? 'cpu';
  const passed = preferences.slice(0, Math.max(0, preferences.indexOf(chosen)));
  const refused = (preferences.includes(chosen) ? passed : preferences).map((name) =>
    known.includes(name) ? `${name} does not load on this machine` : `${name} is not part of this runtime`,
  );
  return { name: chosen, reason: refused.length ? refused.join(', ') : 'it is the first choice' };
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
