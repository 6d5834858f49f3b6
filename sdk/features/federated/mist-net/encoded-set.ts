/** The encoded features of one client as a file: what of its samples leaves the node. */
import { checkSamples, type SamplePolicy } from '../../../algorithms/aggregation/checks/samples.ts';
import { refusal, type Refusal } from '../../../algorithms/aggregation/checks/refusal.ts';
import { encodeUnary, rowBytes, type UnaryCode } from '../../../algorithms/encoding/unary-encoding.ts';
import type { FeatureSet } from '../../../estimators/estimator.ts';
import { TensorError, withTensors, writing, type TensorFile, type WrittenTensors } from '../../../tensors/index.ts';

/** What the part of the model behind the cut takes and gives; see `inspectCut`. */
export interface CutShape {
  /** Of the features of one sample. */
  shape: number[];
  /** Values of one output row. */
  outputs: number;
  /** Values of the output's last axis. */
  classes: number;
}

/** A whole encoded set, in memory: a bit is an eighth of a byte, whatever the features were. */
export interface EncodedSet {
  bits: Uint8Array;
  labels: Int32Array | Float32Array;
  count: number;
}

const BITS = 'bits';
const LABELS = 'labels';

export const valuesOf = ({ shape }: Pick<CutShape, 'shape'>): number =>
  shape.reduce((product, size) => product * size, 1);

/** Writes the bits of the features as U8 [count, bytes of a row], the labels as I32 (class numbers) or F32 [count, values of one]. */
export async function writeEncoded(file: string, features: FeatureSet, code: UnaryCode): Promise<WrittenTensors> {
  const { inputs, labels, count } = features;
  const row = valuesOf(features);
  const bits = encodeUnary(inputs, row, code);
  const layouts = [
    { name: BITS, dtype: 'U8' as const, shape: [count, rowBytes(row, code)] },
    {
      name: LABELS,
      dtype: labels instanceof Int32Array ? ('I32' as const) : ('F32' as const),
      shape: [count, labels.length / count],
    },
  ];
  return writing(file, layouts, async (writer) => {
    await writer.write(BITS, 0, bits);
    await writer.write(LABELS, 0, new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength));
  });
}

export interface EncodedExpectation {
  cut: CutShape;
  code: UnaryCode;
  policy: SamplePolicy;
  /** Samples that the client's dataset holds. */
  datasetSamples?: number;
}

/** Why an encoded set must not count, cheapest question first. Undefined: it may. */
export async function checkEncoded(
  claim: { file: string; samples: unknown },
  { cut, code, policy, datasetSamples }: EncodedExpectation,
): Promise<Refusal | undefined> {
  const wrong = checkSamples(claim.samples, datasetSamples, policy);
  if (wrong !== undefined) return wrong;
  const count = claim.samples as number;
  try {
    return await withTensors(claim.file, async (file) => {
      const refused = checkLayout(file, { count, cut, code });
      if (refused !== undefined) return refused;
      if (!file.canonical) return refusal('NotTensors', 'is not in the form in which this SDK writes encoded features');
      const { bits, labels } = await read(file);
      return checkPadding(bits, { count, values: valuesOf(cut) * code.bits }) ?? checkLabels(labels, cut);
    });
  } catch (error) {
    if (error instanceof TensorError) return refusal('NotTensors', `${error.reason}: ${error.message}`);
    throw error;
  }
}

interface Layout {
  count: number;
  cut: CutShape;
  code: UnaryCode;
}

function checkLayout(file: TensorFile, { count, cut, code }: Layout): Refusal | undefined {
  const names = file.entries.map(({ name }) => name);
  const missing = [BITS, LABELS].find((name) => !names.includes(name));
  if (missing !== undefined)
    return refusal('TensorsMissing', `has no tensor "${missing}": are these encoded features?`);
  const more = names.find((name) => name !== BITS && name !== LABELS);
  if (more !== undefined)
    return refusal('TensorsUnknown', `has a tensor ${JSON.stringify(more)}; only bits and labels are taken`);
  const [bits, labels] = [file.entry(BITS), file.entry(LABELS)];
  if (bits.dtype !== 'U8') return refusal('DtypeMismatch', `tensor "bits" is ${bits.dtype}; packed bits are U8`);
  const row = rowBytes(valuesOf(cut), code);
  if (bits.shape.join() !== [count, row].join()) {
    return refusal(
      'ShapeMismatch',
      `tensor "bits" has shape [${bits.shape}]; ${count} samples of ${valuesOf(cut)} features with ${code.bits} bits need [${[count, row]}]`,
    );
  }
  const each = labels.dtype === 'I32' ? cut.outputs / cut.classes : cut.outputs;
  if (labels.dtype !== 'I32' && labels.dtype !== 'F32') {
    return refusal('DtypeMismatch', `tensor "labels" is ${labels.dtype}; class numbers are I32, values F32`);
  }
  if (labels.shape.join() === [count, each].join()) return undefined;
  return refusal(
    'ShapeMismatch',
    `tensor "labels" has shape [${labels.shape}]; ${count} samples need [${[count, each]}]`,
  );
}

/** Every pattern of bits may be reported, but behind the last one of a row there is nothing to report. */
function checkPadding(bits: Uint8Array, { count, values }: { count: number; values: number }): Refusal | undefined {
  const row = bits.length / count;
  const mask = (0xff << ((values - 1) % 8)) << 1;
  for (let sample = 0; sample < count; sample++) {
    if (((bits[(sample + 1) * row - 1] as number) & mask & 0xff) === 0) continue;
    return refusal('BitsInvalid', `sample ${sample} has bits behind its last feature`);
  }
  return undefined;
}

function checkLabels(labels: Int32Array | Float32Array, { classes, outputs }: CutShape): Refusal | undefined {
  if (labels instanceof Float32Array) {
    const bad = labels.findIndex((value) => !Number.isFinite(value));
    return bad < 0 ? undefined : refusal('NotFinite', `label of sample ${Math.floor(bad / outputs)} is ${labels[bad]}`);
  }
  // A single output is a yes or no.
  const most = Math.max(classes, 2);
  const bad = labels.findIndex((label) => label < 0 || label >= most);
  if (bad < 0) return undefined;
  const sample = Math.floor(bad / (outputs / classes));
  return refusal('LabelsInvalid', `sample ${sample} has label ${labels[bad]}; the model has classes 0 to ${most - 1}`);
}

/** Reads a checked file whole. */
export function readEncoded(path: string): Promise<EncodedSet> {
  return withTensors(path, read);
}

async function read(file: TensorFile): Promise<EncodedSet> {
  const { shape, dtype } = file.entry(LABELS);
  const raw = await file.read(LABELS);
  const own = raw.slice().buffer;
  return {
    bits: await file.read(BITS),
    labels: dtype === 'I32' ? new Int32Array(own) : new Float32Array(own),
    count: shape[0] ?? 0,
  };
}
