import { z } from 'zod';
import { keyValue } from './key-value.ts';
import { reference } from './names.ts';
import { withRules } from './rule.ts';

const DURATION = /^([1-9][0-9]{0,4}h)?([1-9][0-9]{0,5}m)?([1-9][0-9]{0,7}s)?$/;
const NAME = /^[A-Za-z][A-Za-z0-9_.-]*$/;

const positive = () => z.number().gt(0, 'must be above 0');
const wholeAboveZero = () => z.int().min(1, 'must be 1 or more');

/** `5m`, `1h30m`, `90s`. */
export const duration = () =>
  z
    .string()
    .min(2, 'must be a duration above zero such as 90s, 5m or 1h30m')
    .regex(DURATION, 'must be a duration above zero such as 90s, 5m or 1h30m');

/** Milliseconds of a duration as {@link duration} accepts it. */
export function durationMs(text: string): number {
  const units = { h: 3_600_000, m: 60_000, s: 1000 };
  return [...text.matchAll(/([0-9]+)([hms])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units],
    0,
  );
}

const registeredName = (what: string) =>
  z.string().max(253).regex(NAME, 'must be a name: a letter, then letters, digits, "-", "_" or "."').describe(what);

/** A map, or Sedna's list of key and value. The API server keeps it as it is: it cannot be told "either of the two". */
const parameters = () =>
  z
    .unknown()
    .refine(isParameters, {
      error: 'must be a map of names to numbers, texts or booleans, or a list of {key, value}',
    })
    .meta({ 'x-kubernetes-preserve-unknown-fields': true })
    .describe('A map, or a list of {key, value}.')
    .optional();

const scalar = z.union([z.number(), z.string().max(1024), z.boolean()]);
const asMap = z.record(z.string(), scalar);
const asList = z.array(keyValue());

function isParameters(value: unknown): boolean {
  return value === undefined || asMap.safeParse(value).success || asList.safeParse(value).success;
}

export type Parameters = Record<string, number | string | boolean>;

/** One form for both spellings; a text that is a number becomes one, as Sedna's lists hold only texts. */
export function parameterMap(value: unknown): Parameters {
  if (value === undefined) return {};
  const list = asList.safeParse(value);
  const entries = list.success
    ? list.data.map(({ key, value: text }) => [key, text] as const)
    : Object.entries(asMap.parse(value));
  return Object.fromEntries(entries.map(([key, given]) => [key, numeric(given)]));
}

function numeric(value: number | string | boolean): number | string | boolean {
  if (typeof value !== 'string' || value.trim() === '') return value;
  const number = Number(value);
  return Number.isFinite(number) ? number : value;
}

const metricName = () => z.string().min(1, 'must name a metric').max(256);

export const rounds = () =>
  z.strictObject({
    total: wholeAboveZero()
      .max(1_000_000)
      .describe('Rounds in all. Default: exit_round of the aggregator, else 1.')
      .optional(),
    deadline: duration().describe('Time after which a round closes if the quorum is met. Default: none.').optional(),
    minClientsToStart: wholeAboveZero()
      .describe('Clients that must be there before round 1. Default: the quorum.')
      .optional(),
    quorum: z
      .strictObject({
        minAvailable: wholeAboveZero().describe('Accepted updates that a round needs.').optional(),
        fraction: z
          .number()
          .gt(0, 'must be above 0')
          .max(1, 'must be at most 1')
          .describe('Share of the selected clients that a round needs, rounded up.')
          .optional(),
      })
      .describe('When both are given, both must be met. Default: all selected clients.')
      .optional(),
    late: z
      .enum(['Discard', 'CreditNextRound'])
      .describe('What an update that comes after its round is worth. Default: Discard.')
      .optional(),
    stopWhen: z
      .strictObject({
        metric: metricName(),
        operator: z.enum(['>', '>=', '<', '<=']),
        threshold: z.number(),
        patience: z.int().min(1).describe('Rounds in a row that must agree. Default: 1.').optional(),
      })
      .describe('Ends the job before its last round.')
      .optional(),
    keepBest: z
      .strictObject({ metric: metricName(), mode: z.enum(['max', 'min']).describe('Default: max.').optional() })
      .describe('The model of the best round is published as live instead of the last one.')
      .optional(),
  });

export const aggregation = () =>
  z.strictObject({
    strategy: registeredName(
      'Registered strategy, such as FedAvg or FedTrimmedAvg; Worker: the image of aggregationWorker. Default: FedAvg.',
    ).optional(),
    parameters: parameters(),
  });

const settings = {
  epochs: wholeAboveZero().max(100_000).describe('Passes over the data of a client per round.').optional(),
  batchSize: wholeAboveZero().max(10_000_000).optional(),
  learningRate: positive().optional(),
  mu: z.number().min(0, 'must be 0 or more').describe('Weight of the proximal term (FedProx).').optional(),
};

export const trainingConfig = () =>
  z.strictObject({
    ...settings,
    perRound: z
      .array(z.strictObject({ fromRound: wholeAboveZero(), ...settings }))
      .max(100)
      .describe('Other values from a round on; later entries win.')
      .optional(),
  });

export const clientSelection = () =>
  z.strictObject({
    strategy: registeredName(
      'All, Random, ByLabel, ByDataSize, ByFailures or a registered one. Default: All.',
    ).optional(),
    perRound: wholeAboveZero().describe('Clients per round. Default: all.').optional(),
    parameters: parameters(),
    seed: z.int().min(0).describe('Of every random choice of the job. Default: 0.').optional(),
  });

export const LOSSES = ['softmaxCrossEntropy', 'bceWithLogits', 'mse'] as const;

const evaluationFields = () =>
  z.strictObject({
    every: z.int().min(1).describe('Rounds between two evaluations. Default: 1.').optional(),
    where: z
      .enum(['Clients', 'Central'])
      .describe('Clients judge what they are given; Central: what each round makes, on dataset. Default: Clients.')
      .optional(),
    dataset: reference('Dataset with test data, for where: Central; it is read on its own node').optional(),
    label: z
      .string()
      .min(1, 'must name a column or member')
      .max(253)
      .describe('Of csv and json test data, where the label is. Default: label.')
      .optional(),
    loss: z.enum(LOSSES).describe('Of the ONNX model on the test data. Default: softmaxCrossEntropy.').optional(),
    metrics: z.array(metricName()).max(100).describe('Metrics to keep. Default: all.').optional(),
  });

export const evaluation = () =>
  withRules(evaluationFields(), {
    cel: "!has(self.where) || self.where != 'Central' || has(self.dataset)",
    message: 'needs dataset: {name: …}, the Dataset with test data, because where is Central',
    check: ({ where, dataset }) => where !== 'Central' || dataset !== undefined,
  });

export const updatePolicy = () =>
  z.strictObject({
    clipNorm: positive().describe('Largest Euclidean norm of an update; longer ones are scaled down.').optional(),
    maxSamplesFactor: positive()
      .describe('A client may claim so many times the samples that its Dataset counts.')
      .optional(),
    compression: z.enum(['none', 'f16', 'int8']).describe('Of updates on their way. Default: none.').optional(),
    excludeLayers: z
      .array(z.string().min(1).max(253))
      .max(1000)
      .describe('Globs of tensors that stay with each client.')
      .optional(),
  });
