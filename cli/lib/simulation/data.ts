/** Samples of the clients: each training worker's own dataset, or all of them together, divided anew. */
import type { SimulatedClient } from '../../../sdk/features/federated/simulated-client.ts';
import type { OnnxSamples } from '../../../sdk/estimators/onnx/index.ts';
import { badUsage, type CliError } from '../errors.ts';
import { divide, type Partition } from './partition.ts';
import type { SharedSamples } from './protocol.ts';

export interface ClientData {
  samples: SharedSamples;
  parts: Uint32Array[];
}

/** Without `division` client i has the i-th dataset. */
export async function clientData(
  client: SimulatedClient,
  urls: string[],
  division?: { partition: Partition; clients: number; seed: number },
): Promise<ClientData> {
  // A dataset that several workers share is read once, and counts once when all of them are divided.
  const distinct = [...new Set(urls)];
  const loaded = new Map<string, OnnxSamples>();
  for (const url of distinct) loaded.set(url, await client.load(url));
  const samples = joined([...loaded.values()]);
  const starts = new Map<string, number>();
  let at = 0;
  for (const [url, { count }] of loaded) {
    starts.set(url, at);
    at += count;
  }
  if (division !== undefined)
    return { samples, parts: divide(division.partition, { ...division, labels: classesOf(samples) }) };
  const parts = urls.map((url) => {
    const start = starts.get(url) ?? 0;
    return Uint32Array.from({ length: loaded.get(url)?.count ?? 0 }, (_, i) => start + i);
  });
  return { samples, parts };
}

function joined(sets: OnnxSamples[]): SharedSamples {
  const [first] = sets;
  if (first === undefined) throw new Error('there is no dataset');
  const other = sets.find(({ shape }) => shape.join() !== first.shape.join());
  if (other !== undefined)
    throw refused(`samples of shape [${other.shape}] and [${first.shape}] cannot be put together`);
  const inputs = shared(
    Float32Array,
    sets.map((set) => set.inputs),
  );
  const labels =
    first.labels instanceof Int32Array
      ? shared(
          Int32Array,
          sets.map((set) => set.labels),
        )
      : shared(
          Float32Array,
          sets.map((set) => set.labels),
        );
  return { inputs, labels, shape: first.shape, count: sets.reduce((sum, { count }) => sum + count, 0) };
}

function shared<T extends Float32Array | Int32Array>(
  Type: { new (buffer: SharedArrayBuffer): T; BYTES_PER_ELEMENT: number },
  parts: ArrayLike<number>[],
): T {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Type(new SharedArrayBuffer(length * Type.BYTES_PER_ELEMENT));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** One class for all where labels are values or sequences: such samples are divided without regard to them. */
function classesOf({ labels, count }: SharedSamples): Int32Array {
  return labels instanceof Int32Array && labels.length === count ? labels : new Int32Array(count);
}

function refused(message: string): CliError {
  return badUsage(message, 'nothing was simulated');
}
