import { OnnxError } from '../errors.ts';
import type { GraphWriter } from '../graph/writer.ts';
import { findOperator } from '../operators/registry.ts';
import type { Forward } from './forward.ts';
import type { GradientContext, NodeView, Saved } from './operator.ts';

/** Values that depend on a parameter: gradients flow through these and no others. */
export function differentiable(forward: Forward): Set<string> {
  const active = new Set(forward.parameters.map((tensor) => tensor.name ?? ''));
  for (const node of forward.nodes) {
    if (flowing(node, active).length > 0) node.outputs.forEach((name) => active.add(name));
  }
  return active;
}

/** The inputs through which something trains. */
function flowing(node: NodeView, active: ReadonlySet<string>): number[] {
  const operator = findOperator(node);
  if (operator.stops?.(node)) return [];
  return node.inputs.flatMap((name, i) => (active.has(name) && !operator.fixed?.includes(i) ? [i] : []));
}

/** Refuses, before anything is trained, a model with an operator that has no gradient between a parameter and the output. */
export function assertDifferentiable(forward: Forward): void {
  const active = differentiable(forward);
  const missing = forward.nodes.filter((node) => flowing(node, active).length > 0 && !findOperator(node).gradient);
  if (missing.length === 0) return;
  const labels = missing.map((node) => node.label).join(', ');
  throw new OnnxError('UnsupportedOperator', `no gradient for ${labels}: the model cannot be trained`);
}

export interface BackwardRequest {
  forward: Forward;
  writer: GraphWriter;
  /** What the forward nodes left for their gradients. */
  saved: ReadonlyMap<NodeView, Saved>;
  /** The value to start from and the loss's gradient there. */
  seed: { at: string; gradient: string };
}

/**
 * Reverse-mode differentiation: walks the nodes backwards from `at`, whose gradient is given, and emits the chain rule
 * (Griewank and Walther, Evaluating Derivatives, ch. 3). Resolves to the gradient's name per parameter.
 */
export function backpropagate({ forward, writer, saved, seed }: BackwardRequest): Map<string, string> {
  const active = differentiable(forward);
  const gradients = new Map([[seed.at, seed.gradient]]);
  const accumulate = (name: string, gradient: string) => {
    const present = gradients.get(name);
    gradients.set(name, present === undefined ? gradient : writer.emit('Add', [present, gradient]));
  };
  for (const node of [...forward.nodes].reverse()) {
    const operator = findOperator(node);
    if (!operator.gradient || !node.outputs.some((name) => gradients.has(name))) continue;
    const needed = new Set(flowing(node, active));
    if (needed.size === 0) continue;
    const context = contextOf({ forward, writer, gradients, node, needed, saved: saved.get(node) });
    operator.gradient(context).forEach((gradient, i) => {
      if (gradient !== undefined && needed.has(i)) accumulate(node.inputs[i] ?? '', gradient);
    });
  }
  return gradients;
}

interface ContextParts {
  forward: Forward;
  writer: GraphWriter;
  gradients: ReadonlyMap<string, string>;
  node: NodeView;
  needed: ReadonlySet<number>;
  saved: Saved | undefined;
}

function contextOf({ forward, writer, gradients, node, needed, saved }: ContextParts): GradientContext {
  const gradientOf = (index: number) => gradients.get(node.outputs[index] ?? '');
  return {
    node,
    outputGradient: gradientOf(0) ?? '',
    gradientOf,
    outputShape: forward.shapes.get(node.outputs[0] ?? '') ?? [],
    writer,
    needs: (index) => needed.has(index),
    requestOutput(index) {
      const { output } = node.proto;
      while (output.length <= index) output.push('');
      return (output[index] ||= writer.fresh(`training/${output[0]}/${index}`));
    },
    saved,
  };
}
