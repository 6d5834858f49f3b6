import type { Forward } from '../autodiff/forward.ts';
import { TRAINING_IR_VERSION, liftNodes } from '../graph/opset.ts';
import type { GraphWriter } from '../graph/writer.ts';
import { valueInfo } from '../graph/writer.ts';
import { encodeModel } from '../proto/codec.ts';
import { DataType, toNumber } from '../proto/types.ts';
import type { StepGraph } from './step-graph.ts';

/** Puts the nodes, constants, inputs and outputs of a step together; gives the bytes of a model. */
export function assemble(forward: Forward, writer: GraphWriter, step: Omit<StepGraph, 'bytes'>): Uint8Array {
  const slots = [...step.parameters, ...step.buffers, ...step.state, ...step.accumulated, ...step.starts];
  const fed = new Set(slots.map(({ name }) => name));
  const used = new Set(writer.nodes.flatMap((node) => node.input));
  const own = forward.nodes.map((node) => node.proto);
  const opset = liftNodes(forward.model, own, (name) => forward.shapes.get(name)?.length ?? 0);
  const { learningRate, step: number, share, seed } = step.scalars ?? {};
  const scalars = [learningRate, number, share].filter((name) => name !== undefined);
  const results = [step.loss, step.correct].filter((name) => name !== undefined);
  return encodeModel({
    irVersion: Math.max(toNumber(forward.model.irVersion), TRAINING_IR_VERSION),
    producerName: 'sedna',
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'training step',
      node: writer.nodes,
      initializer: [
        ...forward.model.graph.initializer.filter(({ name = '' }) => used.has(name) && !fed.has(name)),
        ...writer.initializers,
      ],
      input: [
        valueInfo(step.input.name, step.input.shape, step.input.elemType),
        valueInfo(step.target.name, step.target.shape),
        ...slots.map(({ name, shape }) => valueInfo(name, shape)),
        ...scalars.map((name) => valueInfo(name, [])),
        ...(seed === undefined ? [] : [valueInfo(seed, [], DataType.int32)]),
      ],
      output: [
        ...results.map((name) => valueInfo(name, [])),
        ...slots.filter(({ name, next }) => next !== name).map(({ next, shape }) => valueInfo(next, shape)),
      ],
    },
  });
}
