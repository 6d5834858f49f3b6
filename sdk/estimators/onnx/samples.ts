import type { TensorType } from '../../tensor.ts';
import { OnnxError } from './errors.ts';
import { sizeOf } from './graph/shape.ts';
import type { LabelKind } from './losses/loss.ts';
import { DataType } from './proto/types.ts';

/** What a model may take: integers are tokens for models with an int32 or int64 input. */
export type InputArray = Float32Array | Int32Array | BigInt64Array;

/** Samples with their labels, row after row. */
export interface OnnxSamples<Inputs extends InputArray = Float32Array> {
  /** `count` x `shape`, row-major. */
  inputs: Inputs;
  /** Shape of one sample, without the batch dimension. */
  shape: number[];
  /**
   * Class numbers (Int32Array, one per sample; for a sequence model one per position), or one row of `outputs` floats per sample
   * (one-hot, probabilities for bceWithLogits, values for mse).
   */
  labels: Int32Array | Float32Array;
  count: number;
}

export type AnySamples = OnnxSamples<InputArray>;

/** What a model takes and gives, as far as samples must fit it. */
export interface SampleLayout {
  /** ONNX element type of the input. */
  elemType: number;
  /** Values of one output row. */
  size: number;
  /** Values of the output's last axis. */
  classes: number;
  labels: LabelKind;
}

/** Integers as the model takes them: int64 from either kind of array. */
export function asInput(
  data: InputArray,
  datatype: TensorType | undefined,
): { datatype: TensorType; data: InputArray } {
  if (data instanceof Float32Array) return { datatype: 'float32', data };
  if (datatype === 'int64' && data instanceof Int32Array) return { datatype, data: BigInt64Array.from(data, BigInt) };
  return { datatype: data instanceof Int32Array ? 'int32' : 'int64', data };
}

/** Names a row in errors; default its position. */
type NameRow = (row: number) => number;

/** Refuses samples that would fail or poison training; names the index of the first bad one (from 0). */
export function checkSamples(samples: AnySamples, layout: SampleLayout, nameRow: NameRow = (row) => row): void {
  const { inputs, shape, count } = samples;
  if (!Number.isInteger(count) || count < 1) throw invalid(`count is ${count}, expected at least 1 sample`);
  const width = sizeOf(shape);
  if (inputs.length !== count * width) {
    throw invalid(`inputs has ${inputs.length} values, ${count} samples of shape [${shape}] need ${count * width}`);
  }
  checkType(inputs, layout.elemType);
  const bad = firstNotFinite(inputs);
  if (bad >= 0)
    throw invalid(`sample ${nameRow(Math.floor(bad / width))} has ${inputs[bad]} at position ${bad % width}`);
  if (samples.labels instanceof Int32Array) checkClasses(samples.labels, samples, layout, nameRow);
  else checkTargets(samples.labels, samples, layout, nameRow);
}

function checkType(inputs: InputArray, elemType: number): void {
  const floats = inputs instanceof Float32Array;
  if (floats === (elemType === DataType.float32)) {
    if (elemType !== DataType.int32 || !(inputs instanceof BigInt64Array)) return;
  }
  const takes = elemType === DataType.float32 ? 'float32: give a Float32Array' : 'integers: give an Int32Array';
  throw invalid(`inputs is a ${inputs.constructor.name}, the model takes ${takes}`);
}

function checkClasses(labels: Int32Array, { count }: AnySamples, layout: SampleLayout, nameRow: NameRow): void {
  if (layout.labels === 'values') throw invalid('labels are class numbers (Int32Array), loss mse needs a Float32Array');
  const positions = layout.size / layout.classes;
  if (labels.length !== count * positions) {
    const each = positions > 1 ? ` of ${positions} positions` : '';
    throw invalid(`labels has ${labels.length} entries for ${count} samples${each}`);
  }
  // A single output is a yes or no: its label is 0 or 1.
  const classes = Math.max(layout.classes, 2);
  const bad = labels.findIndex((label) => label < 0 || label >= classes);
  if (bad < 0) return;
  const row = nameRow(Math.floor(bad / positions));
  throw invalid(`sample ${row} has label ${labels[bad]}, the model has classes 0 to ${classes - 1}`);
}

function checkTargets(labels: Float32Array, { count }: AnySamples, layout: SampleLayout, nameRow: NameRow): void {
  const { size } = layout;
  if (labels.length !== count * size) {
    const hint = layout.labels === 'classes' ? ' (class numbers go into an Int32Array)' : '';
    throw invalid(
      `labels has ${labels.length} values, ${count} samples with ${size} outputs need ${count * size}${hint}`,
    );
  }
  const bad = firstNotFinite(labels);
  if (bad >= 0) throw invalid(`sample ${nameRow(Math.floor(bad / size))} has label value ${labels[bad]}`);
  if (layout.labels === 'classes') checkOneHot(labels, layout, nameRow);
  if (layout.labels !== 'binary') return;
  const outside = labels.findIndex((value) => value < 0 || value > 1);
  if (outside < 0) return;
  throw invalid(`sample ${nameRow(Math.floor(outside / size))} has label value ${labels[outside]}, expected 0 to 1`);
}

function checkOneHot(labels: Float32Array, { size, classes }: SampleLayout, nameRow: NameRow): void {
  for (let start = 0; start < labels.length; start += classes) {
    const values = labels.subarray(start, start + classes);
    const sum = values.reduce((total, value) => total + value, 0);
    if (Math.abs(sum - 1) <= 1e-3 && values.every((value) => value >= 0)) continue;
    const row = nameRow(Math.floor(start / size));
    throw invalid(`sample ${row} has one-hot label [${values.join(', ')}], expected values from 0 that sum to 1`);
  }
}

function firstNotFinite(values: InputArray): number {
  if (!(values instanceof Float32Array)) return -1;
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}

function invalid(message: string): OnnxError {
  return new OnnxError('InvalidSamples', `samples: ${message}`);
}

/** The buffers of one batch. */
export interface BatchBuffers {
  inputs: InputArray;
  targets: Float32Array;
}

/** Copies the samples with these indices into the buffers of one batch; class numbers become one-hot rows. */
export function gather(samples: AnySamples, indices: Uint32Array, into: BatchBuffers): void {
  const width = sizeOf(samples.shape);
  const outputs = into.targets.length / indices.length;
  const positions = samples.labels.length / samples.count;
  const { inputs, labels } = samples;
  if (labels instanceof Int32Array) into.targets.fill(0);
  indices.forEach((index, row) => {
    copyRow(inputs, index * width, into.inputs, { at: row * width, width });
    if (labels instanceof Int32Array) {
      const own = labels.subarray(index * positions, (index + 1) * positions);
      markClasses(own, into.targets.subarray(row * outputs, (row + 1) * outputs));
    } else into.targets.set(labels.subarray(index * outputs, (index + 1) * outputs), row * outputs);
  });
}

function copyRow(
  from: InputArray,
  start: number,
  into: InputArray,
  { at, width }: { at: number; width: number },
): void {
  if (into instanceof BigInt64Array && !(from instanceof BigInt64Array)) {
    for (let i = 0; i < width; i++) into[at + i] = BigInt(from[start + i] ?? 0);
  } else {
    // The two have one type by now; the compiler cannot know that.
    (into as Float32Array).set((from as Float32Array).subarray(start, start + width), at);
  }
}

/** A one in each position's class; a single output takes the label itself, 0 or 1. */
function markClasses(labels: Int32Array, targets: Float32Array): void {
  const classes = targets.length / labels.length;
  labels.forEach((label, position) => {
    if (classes === 1) targets[position] = label;
    else targets[position * classes + label] = 1;
  });
}
