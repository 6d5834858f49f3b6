/** A worker that answers what `LIE` says, whatever it is asked: of several, apart by commas, the first one first, the last one for ever. */
import { readWorkerConfig, TaskClient, type Weights } from '../../../sdk/index.ts';
import { readWeights, writeWeights } from '../../../sdk/tensors/index.ts';
import { writeFileSync } from 'node:fs';

const { lcServer, workerName } = readWorkerConfig();
const tasks = new TaskClient(lcServer, workerName);

type Lie = (weights: Weights, name: string) => { samples?: number; bytes?: string } | undefined;

const lies: Record<string, Lie> = {
  honest: () => undefined,
  nan: (weights, name) => void weights[name]?.data.set([NaN], 2),
  infinite: (weights, name) => void weights[name]?.data.set([-Infinity], 2),
  shape: (weights, name) => void weights[name]?.shape.push(1),
  missing: (weights, name) => void delete weights[name],
  unknown: (weights, name) => void (weights['more'] = weights[name] ?? { shape: [], data: new Float32Array() }),
  huge: (weights, name) => void weights[name]?.data.fill(1e9),
  negative: () => ({ samples: -99 }),
  none: () => ({ samples: 0 }),
  absurd: () => ({ samples: 1e15 }),
  fraction: () => ({ samples: 1.5 }),
  garbage: () => ({ bytes: '<html>404</html>' }),
};

const [...ahead] = (process.env['LIE'] ?? 'honest').split(',');
for (;;) {
  const lie = (ahead.length > 1 ? ahead.shift() : ahead[0]) ?? '';
  const { id, weights = '', output = '' } = await tasks.next();
  const told = await readWeights(weights);
  const name = Object.keys(told)[0] ?? '';
  const { samples = 100, bytes } = lies[lie]?.(told, name) ?? {};
  if (bytes === undefined) await writeWeights(output, told);
  else writeFileSync(output, bytes);
  await tasks.answer(id, { status: 'completed', file: output, samples, metrics: {}, evaluation: undefined });
}
