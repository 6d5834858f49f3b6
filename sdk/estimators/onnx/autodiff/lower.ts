import { findOperator } from '../operators/registry.ts';
import type { GraphWriter } from '../graph/writer.ts';
import type { Forward } from './forward.ts';
import type { NodeView, Saved, TrainingContext } from './operator.ts';

/** What the forward pass of a step brings with it. */
export interface Lowered {
  /** For the gradients of nodes that run in a training form of their own. */
  saved: ReadonlyMap<NodeView, Saved>;
  /** Next value by name of an initializer that is renewed without a gradient. */
  renewed: ReadonlyMap<string, string>;
  /** Graph input (int32 scalar) that seeds random nodes; undefined if there is none. */
  seed?: string;
}

/** Emits the model's nodes; with `training`, in their training form where they have one. */
export function lowerForward(forward: Forward, writer: GraphWriter, training: boolean): Lowered {
  const saved = new Map<NodeView, Saved>();
  const renewed = new Map<string, string>();
  let seed: string | undefined;
  let draws = 0;
  for (const node of forward.nodes) {
    const context: TrainingContext = {
      node,
      writer,
      frozen: (index) => forward.frozen(node.inputs[index] ?? ''),
      renew(index, next) {
        const name = node.inputs[index] ?? '';
        if (!forward.model.graph.initializer.some((tensor) => tensor.name === name)) {
          throw node.refuse(`input ${index} ("${name}") must be an initializer of its own to be renewed in training`);
        }
        renewed.set(name, next);
      },
      seed() {
        seed ??= writer.fresh('training/seed');
        return writer.emit('Add', [seed, writer.int32(salt(++draws))]);
      },
    };
    const form = training ? findOperator(node).train?.(context) : undefined;
    if (form) saved.set(node, form);
    else writer.nodes.push(node.proto);
  }
  return { saved, renewed, seed };
}

/** Multiples of the golden ratio, as int32: far apart for neighbours. */
function salt(n: number): number {
  return Math.imul(n, 0x9e3779b9) | 0;
}
