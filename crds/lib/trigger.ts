import { z } from 'zod';

export const OPERATORS = ['gt', '>', 'ge', '>=', 'eq', '=', '==', 'ne', '!=', 'le', '<=', 'lt', '<'] as const;

const START = /^([01][0-9]|2[0-3]):[0-5][0-9]$/;
const END = /^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/;
const METRIC = /^[^\[\]\s]+(\[[0-9]{1,9}\])?$/;
const ZONE = /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/;

const timer = z.strictObject({
  start: z
    .string()
    .regex(START, 'must be a time HH:MM from 00:00 to 23:59, zero-padded')
    .describe('First minute of the window. A start after the end means a window over midnight.'),
  end: z
    .string()
    .regex(END, 'must be a time HH:MM from 00:00 to 24:00, zero-padded')
    .describe('Last minute of the window; 24:00 is the end of the day.'),
  timeZone: z
    .string()
    .max(64, 'must be an IANA time zone such as Europe/Berlin')
    .regex(ZONE, 'must be an IANA time zone such as Europe/Berlin')
    .refine(isTimeZone, {
      error: 'is not a time zone that this platform knows; use an IANA name such as Europe/Berlin',
    })
    .describe('IANA time zone of start and end. Default: UTC.')
    .optional(),
});

const condition = z.strictObject({
  operator: z.enum(OPERATORS, {
    error: ({ input }) => (input === undefined ? 'is required' : `must be one of ${OPERATORS.join(' ')}`),
  }),
  metric: z
    .string()
    .max(256, 'must have at most 256 characters')
    .regex(METRIC, 'must be a metric "name" or one element of it, "name[i]"')
    .describe(
      'A metric m of the new model, or m_delta (new minus deployed); m[i] takes one element, m alone the last.',
    ),
  threshold: z.number(),
});

const trainMetric = z
  .enum(['num_of_samples'], {
    error: ({ input }) =>
      input === undefined ? 'is required' : 'must be num_of_samples: a train trigger knows no other metric',
  })
  .describe('num_of_samples: the number of new samples that would train.');

const of = <C extends z.ZodType>(conditions: C) =>
  z.strictObject({
    checkPeriodSeconds: z
      .int()
      .min(0, 'must be 0 or more seconds')
      .describe('Least time between two evaluations, in seconds. Absent: evaluated on every change.')
      .optional(),
    timer: timer.describe('Daily window. Absent: always.').optional(),
    condition: conditions,
  });

/** When a new model may be deployed: inside the window and with the condition true. */
export const trigger = () => of(condition);

/** When a training may start. Another metric would never be there: the round would wait for ever. */
export const trainTrigger = () => of(condition.extend({ metric: trainMetric }));

export type Trigger = z.infer<ReturnType<typeof trigger>>;
export type Operator = (typeof OPERATORS)[number];

// The API server cannot be asked this (its image may lack the zone database), so it judges the spelling only.
function isTimeZone(name: string): boolean {
  if (!ZONE.test(name)) return true; // already said by the pattern
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
