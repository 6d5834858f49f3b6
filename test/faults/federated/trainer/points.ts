/** Points of four overlapping clouds, as files and back: small enough that a training lasts some tenths of a second. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCsv } from '../../../../sdk/index.ts';
import { mlp, OnnxEstimator, Random, type OnnxSamples } from '../../../../sdk/estimators/onnx/index.ts';

export const clients = 8;
const inputs = 16;
const classes = 4;

/** Each client has another number of samples, so that weights of updates differ. */
function countOf(client: number): number {
  return 96 + 16 * client;
}

export function estimator(): OnnxEstimator {
  return new OnnxEstimator({
    model: mlp({ inputs, hidden: [32], outputs: classes, seed: 1 }),
    loss: 'softmaxCrossEntropy',
    optimizer: { name: 'sgd', learningRate: 0.05 },
    threads: 1,
    checkpointEvery: { steps: 50 },
  });
}

/** `<folder>/<client>.csv` for each client, and the first global model. */
export async function prepare(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (let client = 0; client < clients; client++) writeFileSync(join(folder, `${client}.csv`), csvOf(client));
  const first = estimator();
  await first.save(join(folder, 'global.onnx'));
  await first.close();
}

function csvOf(client: number): string {
  const random = new Random(100 + client);
  const header = [...Array.from({ length: inputs }, (_, i) => `x${i}`), 'label'].join(',');
  const rows = Array.from({ length: countOf(client) }, (_, row) => {
    // Clients have mostly classes of their own: what one learns alone is not what all learn.
    const label = random.uniform() < 0.6 ? client % classes : row % classes;
    const values = Array.from({ length: inputs }, (_, i) => (i % classes === label ? 1 : 0) + 4 * random.uniform() - 2);
    return [...values.map((value) => value.toFixed(4)), label].join(',');
  });
  return `${[header, ...rows].join('\n')}\n`;
}

export async function readPoints(file: string): Promise<OnnxSamples> {
  const { x, y, length } = await readCsv([file], { label: 'label' });
  const values = x.flatMap((row) => Object.values(row as Record<string, number>));
  return { inputs: Float32Array.from(values), labels: Int32Array.from(y, Number), shape: [inputs], count: length };
}
