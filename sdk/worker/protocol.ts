import { z } from 'zod';
import { unsafeValues } from '../../crds/lib/unsafe-values.ts';

/** Largest body that the local controller reads, in bytes. */
export const MAX_REPORT_BYTES = 1024 * 1024;
const MAX_RESULTS = 1000;
const MAX_METRICS = 1000;
const MAX_VALUES = 10_000;

const text = (max: number) => z.string().max(max);
const optionalText = (max: number) =>
  text(max)
    .nullish()
    .transform((value) => value ?? undefined);

/**
 * Metric name → list of finite numbers. Workers send single numbers, numeric strings, `null` and nested objects too: a single
 * value becomes a list of one, what is no number is left out.
 */
const metrics = z
  .record(text(256), z.unknown())
  .nullish()
  .refine((value) => Object.keys(value ?? {}).length <= MAX_METRICS, { error: `more than ${MAX_METRICS} metrics` })
  .transform((value) => {
    const entries = Object.entries(value ?? {}).map(([name, values]) => [printable(name), numbers(values)] as const);
    return Object.fromEntries(entries.filter(([, values]) => values.length > 0));
  });

const result = z.object({
  format: text(64)
    .nullish()
    .transform((value) => printable(value ?? '')),
  url: text(4096)
    .nullish()
    .refine((value) => value == null || printable(value) === value, { error: 'must not contain control characters' })
    .transform((value) => value ?? ''),
  metrics,
});

/** One of these words in any case; refused otherwise, so that a misspelt report is not waited for until the worker ends. */
const oneOf = (words: readonly string[]) =>
  optionalText(64)
    .transform((value) => value?.toLowerCase())
    .refine((value) => value === undefined || words.includes(value), {
      error: ({ input }) => `must be one of ${words.join(', ')}, not ${quoted(input)}`,
    });

/** Body of `POST /sedna/workers/<name>/info`, as lenient as stock Sedna images need. Unknown members are ignored. */
export const workerReport = z.object({
  name: text(253),
  namespace: optionalText(253).transform((value) => value ?? ''),
  ownerName: optionalText(253).transform((value) => value ?? ''),
  /** A hint only: some images send `default`. */
  ownerKind: optionalText(253).transform((value) => value ?? ''),
  ownerInfo: z
    .record(z.string(), z.unknown())
    .nullish()
    .refine((value) => unsafeValues(value).length === 0, { error: 'is nested too deep' })
    .transform((value) => value ?? undefined),
  kind: oneOf(['train', 'eval', 'deploy', 'inference', '']).transform((value) => value ?? ''),
  /** Absent in reports of joint inference. */
  status: oneOf(['running', 'completed', 'failed', 'ready']),
  results: z
    .array(result)
    .max(MAX_RESULTS)
    .nullish()
    .transform((value) => value ?? []),
  /** Why a worker failed. Only this SDK sends it. */
  message: optionalText(16_384).transform((value) => value && printable(value)),
});

/** Body of `POST /sedna/workers/<name>/progress`. */
export const workerProgress = z.object({
  step: z.number().min(0),
  total: z.number().min(0),
  message: optionalText(1024).transform((value) => value && printable(value)),
  metrics: z.record(text(256), z.number()).nullish(),
  /** File that a restarted worker can resume from. */
  checkpoint: optionalText(4096),
});

/** What the local controller understood. */
export type ReceivedReport = z.output<typeof workerReport>;
export type ReceivedProgress = z.output<typeof workerProgress>;

export type WorkerStatus = 'running' | 'completed' | 'failed';

export interface WorkerResult {
  /** File extension without the dot, `''` if there is none. */
  format: string;
  /** Path of the node or URL. */
  url: string;
  metrics: Record<string, number[]> | null;
}

/** What a worker sends. */
export interface WorkerReport {
  name: string;
  namespace: string;
  ownerName: string;
  /** Lower-case kind. */
  ownerKind: string;
  kind: 'train' | 'eval' | 'deploy' | 'inference';
  status?: WorkerStatus;
  results?: WorkerResult[];
  ownerInfo?: Record<string, unknown>;
  message?: string;
}

function numbers(value: unknown): number[] {
  const list: unknown[] = Array.isArray(value) ? value.slice(0, MAX_VALUES) : [value];
  return list.map(toNumber).filter((item) => Number.isFinite(item));
}

function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : NaN;
}

/** What a worker sent, short and harmless enough for a message. */
export function quoted(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(printable(value.slice(0, 100)));
  return value === undefined ? 'nothing' : Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}

// Messages reach terminals and logs; escape sequences of a worker must not.
export function printable(message: string): string {
  return message.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '');
}
