import type { NodeProto } from '../proto/types.ts';
import type { Shape } from '../graph/shape.ts';
import type { GraphWriter } from '../graph/writer.ts';

/** A node of the forward graph as operator rules see it. */
export interface NodeView {
  readonly proto: NodeProto;
  /** `Conv "features/0"`: how error messages call the node. */
  readonly label: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whether the i-th input is given; ONNX leaves optional ones out or empty. */
  has(index: number): boolean;
  /** Shape of the i-th input; refused with the node's label if it is absent. */
  inputShape(index: number): Shape;
  /** Values of a small integer (or boolean) input if they are known before the run: constants and what is computed from shapes. */
  known(index: number): readonly number[] | undefined;
  /** The same, refused with the node's label if they are not known. */
  intConstant(index: number): readonly number[];
  /** Values of a float32 input that is an initializer or a Constant node; refused otherwise. */
  floatConstant(index: number): Float32Array;
  /** An error that names the node. */
  refuse(reason: string): Error;
}

/** Names of values that a node's training form leaves for its gradient. */
export type Saved = Readonly<Record<string, string>>;

export interface TrainingContext {
  readonly node: NodeView;
  readonly writer: GraphWriter;
  /** Whether the options freeze the initializer at the i-th input. */
  readonly frozen: (index: number) => boolean;
  /** Says which value replaces the initializer at the i-th input when the step is done. */
  readonly renew: (index: number, next: string) => void;
  /** Scalar int32 that is another one in each step and node: the seed of what the node draws. */
  readonly seed: () => string;
}

export interface GradientContext {
  readonly node: NodeView;
  /** Gradient of the loss with respect to the first output. */
  readonly outputGradient: string;
  /** The same for the i-th output; undefined if the loss does not depend on it. */
  readonly gradientOf: (index: number) => string | undefined;
  readonly outputShape: Shape;
  readonly writer: GraphWriter;
  /** Whether anything that trains is behind the i-th input; gradients of others are not emitted. */
  readonly needs: (index: number) => boolean;
  /** Name of the i-th output of the forward node, added to it when the model left it out. */
  readonly requestOutput: (index: number) => string;
  /** What `train` gave; undefined if the node runs as in inference. */
  readonly saved: Saved | undefined;
}

/** One ONNX operator: what the forward pass needs to know of it, and how it is differentiated. */
export interface Operator {
  readonly type: string;
  /** Inputs that never train through this node, whatever they hold (exponents, bounds, running statistics). */
  readonly fixed?: readonly number[];
  /** Those among them that `train` may renew. */
  readonly renewed?: readonly number[];
  /** Shapes of all outputs. Throws `node.refuse(...)` on inputs that do not fit. */
  infer(node: NodeView): Shape[];
  /** Integer values of the first output if they follow from known inputs; this is how computed shapes become known. */
  fold?(node: NodeView): readonly number[] | undefined;
  /** Whether the outputs do not vary, or only in jumps, with the inputs' values: nothing behind the node trains through it. */
  stops?(node: NodeView): boolean;
  /** Emits the node for a training step where it differs from inference, under the node's own output names. Undefined: it does not. */
  train?(context: TrainingContext): Saved | undefined;
  /** Emits gradients, one name per input; undefined where none flows. An operator without it can only be in front of what trains. */
  gradient?(context: GradientContext): (string | undefined)[];
}
