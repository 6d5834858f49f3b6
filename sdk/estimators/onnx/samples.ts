import { OnnxError } from './errors.ts';
import { sizeOf } from './graph/shape.ts';

/** Samples with their labels, row after row. */
export interface OnnxSamples {
  /** `count` x `shape`, row-major. */
  inputs: Float32Array;
  /** Shape of one sample, without the batch dimension. */
  shape: number[];
  /** Class numbers (Int32Array of `count`), or one row of `outputs` floats per sample (one-hot, or values for mse). */
  labels: Int32Array | Float32Array;
  count: number;
}

/** Refuses samples that would fail or poison training; names the index of the first bad one (from 0). */
export function checkSamples(samples: OnnxSamples, output: { size: number; classification: boolean }): void {
  const { inputs, shape, labels, count } = samples;
  if (!Number.isInteger(count) || count < 1) throw invalid(`count is ${count}, expected at least 1 sample`);
  const width = sizeOf(shape);
  if (inputs.length !== count * width) {
    throw invalid(`inputs has ${inputs.length} values, ${count} samples of shape [${shape}] need ${count * width}`);
  }
  const bad = firstNotFinite(inputs);
  if (bad >= 0) throw invalid(`sample ${Math.floor(bad / width)} has ${inputs[bad]} at position ${bad % width}`);
  if (labels instanceof Int32Array) checkClasses(labels, samples, output);
  else checkTargets(labels, samples, output);
}

function checkClasses(labels: Int32Array, { count }: OnnxSamples, output: { size: number; classification: boolean }) {
  if (!output.classification) throw invalid('labels are class numbers (Int32Array), loss mse needs a Float32Array');
  if (labels.length !== count) throw invalid(`labels has ${labels.length} entries for ${count} samples`);
  const bad = labels.findIndex((label) => label < 0 || label >= output.size);
  if (bad >= 0) throw invalid(`sample ${bad} has label ${labels[bad]}, the model has classes 0 to ${output.size - 1}`);
}

function checkTargets(labels: Float32Array, { count }: OnnxSamples, output: { size: number; classification: boolean }) {
  const { size, classification } = output;
  if (labels.length !== count * size) {
    const hint = classification ? ' (class numbers go into an Int32Array)' : '';
    throw invalid(
      `labels has ${labels.length} values, ${count} samples with ${size} outputs need ${count * size}${hint}`,
    );
  }
  const bad = firstNotFinite(labels);
  if (bad >= 0) throw invalid(`sample ${Math.floor(bad / size)} has label value ${labels[bad]}`);
  if (!classification) return;
  for (let row = 0; row < count; row++) {
    const values = labels.subarray(row * size, (row + 1) * size);
    const sum = values.reduce((total, value) => total + value, 0);
    if (Math.abs(sum - 1) > 1e-3 || values.some((value) => value < 0)) {
      throw invalid(`sample ${row} has one-hot label [${values.join(', ')}], expected values from 0 that sum to 1`);
    }
  }
}

function firstNotFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}

function invalid(message: string): OnnxError {
  return new OnnxError('InvalidSamples', `samples: ${message}`);
}

/** Copies the samples with these indices into the buffers of one batch; class numbers become one-hot rows. */
export function gather(
  samples: OnnxSamples,
  indices: Uint32Array,
  into: { inputs: Float32Array; targets: Float32Array },
): void {
  const width = sizeOf(samples.shape);
  const classes = into.targets.length / indices.length;
  const { inputs, labels } = samples;
  if (labels instanceof Int32Array) into.targets.fill(0);
  indices.forEach((index, row) => {
    into.inputs.set(inputs.subarray(index * width, (index + 1) * width), row * width);
    if (labels instanceof Int32Array) into.targets[row * classes + (labels[index] ?? 0)] = 1;
    else into.targets.set(labels.subarray(index * classes, (index + 1) * classes), row * classes);
  });
}
