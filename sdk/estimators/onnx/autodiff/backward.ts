import { OnnxError } from '../errors.ts';
import type { GraphWriter } from '../graph/writer.ts';
import { findOperator } from '../operators/registry.ts';
import type { Forward } from './forward.ts';
import type { GradientContext, NodeView } from './operator.ts';

/** Values that depend on a parameter: gradients flow through these and no others. */
export function differentiable(forward: Forward): Set<string> {
  const active = new Set(forward.parameters.map((tensor) => tensor.name ?? ''));
  for (const node of forward.nodes) {
    if (node.inputs.some((name) => active.has(name))) node.outputs.forEach((name) => active.add(name));
  }
  return active;
}

/** Refuses, before anything is trained, a model with an operator that has no gradient between a parameter and the output. */
export function assertDifferentiable(forward: Forward): void {
  const active = differentiable(forward);
  const missing = forward.nodes.filter(
    (node) => node.inputs.some((name) => active.has(name)) && !findOperator(node).gradient,
  );
  if (missing.length === 0) return;
  const labels = missing.map((node) => node.label).join(', ');
  throw new OnnxError('UnsupportedOperator', `no gradient for ${labels}: the model cannot be trained`);
}

/**
 * Reverse-mode differentiation: walks the nodes backwards from `at`, whose gradient is given, and emits the chain rule
 * (Griewank and Walther, Evaluating Derivatives, ch. 3). Resolves to the gradient's name per parameter.
 */
export function backpropagate(
  forward: Forward,
  writer: GraphWriter,
  seed: { at: string; gradient: string },
): Map<string, string> {
  const active = differentiable(forward);
  const gradients = new Map([[seed.at, seed.gradient]]);
  const accumulate = (name: string, gradient: string) => {
    const present = gradients.get(name);
    gradients.set(name, present === undefined ? gradient : writer.emit('Add', [present, gradient]));
  };
  for (const node of [...forward.nodes].reverse()) {
    const outputGradient = gradients.get(node.outputs[0] ?? '');
    const operator = findOperator(node);
    if (outputGradient === undefined || !operator.gradient) continue;
    const context = contextOf({ forward, writer, active, node, outputGradient });
    operator.gradient(context).forEach((gradient, i) => {
      if (gradient !== undefined && context.needs(i)) accumulate(node.inputs[i] ?? '', gradient);
    });
  }
  return gradients;
}

interface ContextParts {
  forward: Forward;
  writer: GraphWriter;
  active: ReadonlySet<string>;
  node: NodeView;
  outputGradient: string;
}

function contextOf({ forward, writer, active, node, outputGradient }: ContextParts): GradientContext {
  return {
    node,
    outputGradient,
    outputShape: forward.shapes.get(node.outputs[0] ?? '') ?? [],
    writer,
    needs: (index) => active.has(node.inputs[index] ?? ''),
    requestOutput(index) {
      const { output } = node.proto;
      while (output.length <= index) output.push('');
      return (output[index] ||= writer.fresh(`training/${output[0]}/${index}`));
    },
  };
}
