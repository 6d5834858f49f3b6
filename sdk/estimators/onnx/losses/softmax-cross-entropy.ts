import { OnnxError } from '../errors.ts';
import { int } from '../graph/attributes.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';
import type { GraphWriter } from '../graph/writer.ts';
import { DataType } from '../proto/types.ts';
import { logitsBefore } from './logits.ts';
import type { Loss } from './loss.ts';

export interface ClassOptions {
  /** Weight of each class's rows in the training loss, by class number. Default 1 each. The mean is over rows, not over weights. */
  classWeights?: readonly number[];
  /** Share of each training target that is spread evenly over all classes (Szegedy et al., 2016), in [0, 1). Default 0. */
  labelSmoothing?: number;
}

/**
 * Mean over rows (and positions of a sequence) of -sum(target * log softmax(logits)). A model that ends in Softmax is
 * differentiated from the logits in front of it, (softmax - target) / rows, which is exact and cannot overflow; otherwise the
 * output is taken as logits. Class weights and smoothing shape the training only: evaluation reports the plain loss.
 */
export function softmaxCrossEntropy(options: ClassOptions = {}): Loss {
  const { classWeights, labelSmoothing } = options;
  checkOptions(options);
  return {
    name: 'softmaxCrossEntropy',
    labels: 'classes',
    check: (shape) => checkOutput(shape, classWeights?.length),
    emit({ forward, writer, target, backward }) {
      const { logits, probabilities } = logitsBefore(forward, 'Softmax');
      const classes = forward.output.shape.at(-1) ?? 1;
      const rows = sizeOf(forward.output.shape) / classes;
      const plain = !backward || (labelSmoothing === undefined && classWeights === undefined);
      const wanted = plain ? target : shapedTarget(writer, target, classes, options);
      const logLikelihood = writer.emit('LogSoftmax', [logits], { axis: int(-1) });
      const total = writer.emit('ReduceSum', [writer.emit('Mul', [logLikelihood, wanted])], { keepdims: int(0) });
      const loss = writer.emit('Mul', [total, writer.scalar(-1 / rows)], {}, 'training/loss');
      const hits = countCorrect(writer, logits, target);
      const scale = forward.batch / rows;
      const correct = scale === 1 ? hits : writer.emit('Mul', [hits, writer.scalar(scale)]);
      if (!backward) return { loss, correct };
      const softmax = probabilities ?? writer.emit('Softmax', [logits], { axis: int(-1) });
      const expected = classWeights ? weighByTotal(writer, softmax, wanted) : softmax;
      const difference = writer.emit('Sub', [expected, wanted]);
      const gradient = writer.emit('Mul', [difference, writer.scalar(1 / rows)]);
      return { loss, correct, seed: { at: logits, gradient } };
    },
  };
}

function checkOptions({ classWeights = [], labelSmoothing = 0 }: ClassOptions): void {
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new OnnxError('InvalidOptions', `option labelSmoothing: ${labelSmoothing} is not in [0, 1)`);
  }
  const bad = classWeights.findIndex((weight) => !(Number.isFinite(weight) && weight >= 0));
  if (bad < 0) return;
  throw new OnnxError('InvalidOptions', `option classWeights[${bad}]: ${classWeights[bad]} is not a number from 0 up`);
}

function checkOutput(shape: Shape, weights: number | undefined): void {
  const classes = shape.at(-1) ?? 0;
  if (shape.length < 2 || shape.length > 3 || classes < 2) {
    throw new OnnxError(
      'InvalidModel',
      `loss softmaxCrossEntropy needs an output [rows, classes] or [rows, positions, classes] with at least 2 classes, the model gives [${shape}]`,
    );
  }
  if (weights === undefined || weights === classes) return;
  throw new OnnxError('InvalidOptions', `option classWeights: ${weights} weights for ${classes} classes`);
}

/** Smoothed targets, multiplied by the weight of the row's class; a row then sums up to that weight. */
function shapedTarget(writer: GraphWriter, target: string, classes: number, options: ClassOptions): string {
  const { classWeights, labelSmoothing = 0 } = options;
  let shaped = target;
  if (labelSmoothing > 0) {
    const kept = writer.emit('Mul', [target, writer.scalar(1 - labelSmoothing)]);
    shaped = writer.emit('Add', [kept, writer.scalar(labelSmoothing / classes)]);
  }
  if (!classWeights) return shaped;
  const weight = writer.emit('Mul', [target, writer.floats(classWeights, [classes])]);
  return writer.emit('Mul', [shaped, writer.emit('ReduceSum', [weight, writer.ints([-1])], { keepdims: int(1) })]);
}

/** The softmax of each row times what the row's targets sum up to. */
function weighByTotal(writer: GraphWriter, softmax: string, target: string): string {
  const total = writer.emit('ReduceSum', [target, writer.ints([-1])], { keepdims: int(1) });
  return writer.emit('Mul', [softmax, total]);
}

function countCorrect(writer: GraphWriter, logits: string, target: string): string {
  const [guess, truth] = [logits, target].map((value) =>
    writer.emit('ArgMax', [value], { axis: int(-1), keepdims: int(0) }),
  );
  const hit = writer.emit('Cast', [writer.emit('Equal', [guess ?? '', truth ?? ''])], { to: int(DataType.float32) });
  return writer.emit('ReduceSum', [hit], { keepdims: int(0) }, 'training/correct');
}
