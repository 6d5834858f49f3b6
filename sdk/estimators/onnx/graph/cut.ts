import { dataInputs } from '../autodiff/forward.ts';
import { OnnxError } from '../errors.ts';
import type { ModelProto, NodeProto } from '../proto/types.ts';
import type { Shape } from './shape.ts';
import { valueInfo } from './writer.ts';

/** Graphs with more nodes are not searched for places to cut: only errors would tell of them. */
const searched = 2_000;
const named = 12;

/**
 * The part of a model behind one of its tensors, as a model of its own whose input is that tensor. Initializers keep their names. `shape`: of
 * the tensor for one sample. Throws `InvalidModel` where nothing of that name is computed, or the output depends on the input past it.
 */
export function headBehind(model: ModelProto, layer: string, shape: Shape, origin = 'the model'): ModelProto {
  requireCut(model, layer, origin);
  const { graph } = model;
  const node = nodesBehind(model, layer).nodes;
  const used = new Set(node.flatMap(({ input }) => input));
  return {
    ...model,
    graph: {
      ...graph,
      node,
      initializer: graph.initializer.filter(({ name = '' }) => used.has(name)),
      input: [valueInfo(layer, ['N', ...shape])],
      output: graph.output.slice(0, 1),
      valueInfo: [],
    },
  };
}

/** Throws, with the places where the model can be cut, unless this is one. */
export function requireCut(model: ModelProto, layer: string, origin = 'the model'): void {
  const problem = problemOf(model, layer);
  if (problem === undefined) return;
  const places = cuts(model);
  const some = places.slice(0, named).map((name) => `"${name}"`);
  const rest = places.length > named ? ` and ${places.length - named} more` : '';
  const hint = places.length === 0 ? '' : `; it can be cut at ${some.join(', ')}${rest}`;
  throw new OnnxError('InvalidModel', `${origin}: ${problem}${hint}`);
}

/** Tensors at which a model falls into two, from front to back. */
export function cuts(model: ModelProto): string[] {
  if (model.graph.node.length > searched) return [];
  return model.graph.node.flatMap(({ output: [name = ''] }) =>
    name !== '' && problemOf(model, name) === undefined ? [name] : [],
  );
}

function problemOf(model: ModelProto, layer: string): string | undefined {
  const output = model.graph.output[0]?.name ?? '';
  if (layer === output) return `"${layer}" is its output: nothing is left to train behind it`;
  if (!model.graph.node.some((node) => node.output.includes(layer))) return `it computes no tensor "${layer}"`;
  const { nodes, reached } = nodesBehind(model, layer);
  if (!reached.has(layer)) return `its output "${output}" does not depend on tensor "${layer}"`;
  const past = dataInputs(model).find(({ name }) => reached.has(name));
  if (past !== undefined)
    return `tensor "${layer}" does not cut it: its output depends on input "${past.name}" past it`;
  // Bodies of loops and branches see values of the whole graph.
  const nested = nodes.find(({ attribute = [] }) => attribute.some(({ g }) => g !== undefined && g !== null));
  return nested === undefined
    ? undefined
    : `it has a ${nested.opType} with a graph of its own behind tensor "${layer}"`;
}

/** Nodes that the first output needs once the tensor is given, in their order, and every value that they read. */
function nodesBehind({ graph }: ModelProto, layer: string): { nodes: NodeProto[]; reached: Set<string> } {
  const reached = new Set([graph.output[0]?.name ?? '']);
  const nodes: NodeProto[] = [];
  // The nodes of a graph are sorted: whoever reads a value stands behind whoever computes it.
  for (const node of graph.node.toReversed()) {
    if (!node.output.some((name) => name !== '' && name !== layer && reached.has(name))) continue;
    nodes.unshift(node);
    for (const name of node.input) if (name !== '') reached.add(name);
  }
  return { nodes, reached };
}
