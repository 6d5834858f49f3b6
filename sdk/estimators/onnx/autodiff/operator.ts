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
  /** Shape of the i-th input; refused with the node's label if it is absent. */
  inputShape(index: number): Shape;
  /** Values of an int64 input that is known before the run (an initializer or a Constant node). */
  intConstant(index: number): number[];
  /** An error that names the node. */
  refuse(reason: string): Error;
}

export interface GradientContext {
  readonly node: NodeView;
  /** Gradient of the loss with respect to the first output. */
  readonly outputGradient: string;
  readonly outputShape: Shape;
  readonly writer: GraphWriter;
  /** Whether anything that trains is behind the i-th input; gradients of others are not emitted. */
  readonly needs: (index: number) => boolean;
  /** Name of the i-th output of the forward node, added to it when the model left it out. */
  readonly requestOutput: (index: number) => string;
}

/** One ONNX operator: what the forward pass needs to know of it, and how it is differentiated. */
export interface Operator {
  readonly type: string;
  /** Shapes of all outputs. Throws `node.refuse(...)` on inputs that do not fit. */
  infer(node: NodeView): Shape[];
  /** Emits gradients, one name per input; undefined where none flows. An operator without it can only be in front of what trains. */
  gradient?(context: GradientContext): (string | undefined)[];
}
