import { z } from 'zod';
import { InferenceError } from './errors.ts';
import { decodeTensor } from './json-tensor.ts';
import type { Parameters } from './served-model.ts';
import { wireType } from './tensor.ts';
import type { Tensor, TensorInfo } from '../tensor.ts';

const dimension = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

const requestSchema = z.object({
  id: z.string().max(256).optional(),
  parameters: z.record(z.string(), z.union([z.boolean(), z.number(), z.string()])).default({}),
  inputs: z
    .array(
      z.object({
        name: z.string().max(256),
        shape: z.array(dimension).max(16),
        datatype: z.string().max(16),
        data: z.unknown(),
      }),
    )
    .min(1)
    .max(256),
  outputs: z
    .array(z.object({ name: z.string() }))
    .max(256)
    .optional(),
});

export interface InferRequest {
  id?: string;
  parameters: Parameters;
  feeds: Record<string, Tensor>;
  /** Names of the outputs to send back, in order; `undefined`: all. */
  outputs?: string[];
}

/** Reads the body of an inference request and checks it against the model's inputs, so that a model sees only what it declared. */
export function readInferRequest(body: unknown, inputs: readonly TensorInfo[]): InferRequest {
  const parsed = requestSchema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new InferenceError(400, `invalid request: ${issue?.path.join('.') || 'body'}: ${issue?.message}`);
  }
  const { id, parameters, inputs: given, outputs } = parsed.data;
  const feeds = new Map<string, Tensor>();
  for (const tensor of given) {
    const info = inputs.find(({ name }) => name === tensor.name);
    if (!info)
      throw bad(tensor.name, `the model has no such input; it has: ${inputs.map(({ name }) => name).join(', ')}`);
    if (feeds.has(tensor.name)) throw bad(tensor.name, 'is given twice');
    checkShape(info, tensor.shape, tensor.datatype);
    feeds.set(tensor.name, decodeTensor(tensor));
  }
  const missing = inputs.find(({ name }) => !feeds.has(name));
  if (missing) throw bad(missing.name, `is missing; expected ${signature(missing)}`);
  return { id, parameters, feeds: Object.fromEntries(feeds), outputs: outputs?.map(({ name }) => name) };
}

function checkShape(info: TensorInfo, shape: number[], datatype: string): void {
  if (datatype !== wireType(info.datatype)) throw bad(info.name, `is ${datatype}; expected ${signature(info)}`);
  const fits = shape.length === info.shape.length && info.shape.every((size, i) => isOpen(size) || size === shape[i]);
  if (!fits) throw bad(info.name, `has shape [${shape.join(', ')}]; expected ${signature(info)}`);
}

const isOpen = (size: number | string): boolean => typeof size === 'string' || size < 0;

/** Shape as the protocol writes it: -1 for a dimension of any size. */
export const wireShape = (shape: TensorInfo['shape']): number[] =>
  shape.map((size) => (isOpen(size) ? -1 : Number(size)));

const signature = ({ datatype, shape }: TensorInfo) =>
  `${wireType(datatype)} of shape [${wireShape(shape).join(', ')}]`;

const bad = (name: string, problem: string) => new InferenceError(400, `input "${name}": ${problem}`);
