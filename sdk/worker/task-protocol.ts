/** Between a resident worker and its local controller: what is asked, what is answered. Paths are files of the node that both share. */
import { z } from 'zod';
import { printable } from './protocol.ts';

const text = (max: number) => z.string().min(1).max(max);
const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

const settings = z.object({
  epochs: z.int().min(1).optional(),
  batchSize: z.int().min(1).optional(),
  learningRate: z.number().gt(0).optional(),
  /** Weight of the proximal term mu/2 |w - w_start|² (FedProx). */
  mu: z.number().min(0).optional(),
});

/** Of `encode`: up to which tensor the model is run, and how what it then has becomes bits (`encodeUnary`). */
const encoding = z.object({
  layer: text(1024),
  bits: z.int().min(1).max(64),
  low: z.number(),
  high: z.number(),
  epsilon: z.number().gt(0),
});

/** Answer of `GET /sedna/workers/<name>/tasks`. */
export const workerTask = z.object({
  id: text(200),
  /** `weights`: hand over the present weights, untrained. `encode`: hand over encoded features of the data, untrained. `end`: there will be no more tasks. */
  kind: z.enum(['train', 'weights', 'encode', 'end']),
  /** From 1. */
  round: z.int().min(0),
  /** Safetensors to begin with, only to be read: other tasks of the node may have the same file. With `end`: those to save. */
  weights: optional(text(4096)),
  /** What the worker answered last: tensors that stay with it are taken from there. */
  previous: optional(text(4096)),
  settings: settings.default({}),
  encoding: encoding.optional(),
  /** Of shuffling and dropout. */
  seed: z.int().default(0),
  /** Also judge the weights as they came. */
  evaluate: z.boolean().default(false),
  /** Globs of tensors whose values in `weights` do not concern this worker. */
  excludeLayers: z.array(z.string()).default([]),
  /** Where the answer's tensors go; absent for `end`. */
  output: optional(text(4096)),
  checkpoint: optional(text(4096)),
});

const values = z.record(z.string().max(256), z.number());

/** Body of `POST /sedna/workers/<name>/tasks/<id>`. */
export const taskResult = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('completed'),
    /** Safetensors with every tensor that trains. */
    file: text(4096),
    /** That the worker trained on. Judged by the local controller, so anything that JSON can say is let in. */
    samples: z.number(),
    /** Of the training, last value of each. */
    metrics: values.default({}),
    /** Of the weights as they came. */
    evaluation: optional(values),
  }),
  z.object({
    status: z.literal('failed'),
    /** Why the answer must not count, where that has a name of its own (`NotFinite`). */
    reason: z
      .string()
      .regex(/^[A-Z][A-Za-z]{1,39}$/)
      .optional(),
    message: z
      .string()
      .max(16_384)
      .transform((message) => printable(message)),
  }),
]);

export type WorkerTask = z.output<typeof workerTask>;
export type TaskResult = z.output<typeof taskResult>;
export type CompletedTask = Extract<TaskResult, { status: 'completed' }>;
