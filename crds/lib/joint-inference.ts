/** The optional fields of joint inference that Sedna does not have. */
import { z } from 'zod';
import { duration, durationMs } from './federated.ts';
import { reference } from './names.ts';
import { LEAST_QUOTA, QUANTITY, quantityBytes } from './quota.ts';
import { withRules } from './rule.ts';

const EXPECTED = 'must be a size in bytes above zero such as 512Mi, 2G or 1048576';

/** As a URL has it after `//`; a name with letters outside of ASCII is written as `xn--…` there. */
const HOST = /^((\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$/;

/** What is no size at all has its own message. */
const atLeastQuota = {
  cel: `!self.matches('${QUANTITY.source}') || !quantity(self).isLessThan(quantity('${LEAST_QUOTA}'))`,
  message: `must be at least ${LEAST_QUOTA}`,
  check: (text: string) => !QUANTITY.test(text) || quantityBytes(text) >= quantityBytes(LEAST_QUOTA),
};

export const MINING_MODES = ['inference-then-mining', 'mining-then-inference'] as const;
export type MiningMode = (typeof MINING_MODES)[number];

export const deferredDefaults = { maxAge: '24h', quota: '256Mi' } as const;

export const deferred = () =>
  z.strictObject({
    enabled: z.boolean().describe('Keep hard examples that cannot reach the cloud, and answer them later.'),
    maxAge: duration()
      .describe(`Time after which one that was not answered expires. Default: ${deferredDefaults.maxAge}.`)
      .optional(),
    quota: withRules(z.string().max(18, EXPECTED).regex(QUANTITY, EXPECTED), atLeastQuota)
      .describe(
        `Room for them on the disk of the node, such as 512Mi; at least ${LEAST_QUOTA}. Default: ${deferredDefaults.quota}.`,
      )
      .optional(),
    callbackHosts: z
      .array(z.string().max(253).regex(HOST, 'must be a host: example.org, *.example.org, 10.0.0.7:8080 or [fd00::1]'))
      .max(64)
      .describe('Hosts that final answers may be told to: name, *.name or name:port. Default: none.')
      .optional(),
  });

export const hardExamples = () =>
  z.strictObject({
    dataset: reference('Dataset on the node of the edge worker, to which answered hard examples are appended'),
  });

export type Deferred = z.infer<ReturnType<typeof deferred>>;

/** The limits of deferred answers, defaults filled in. */
export function deferredLimits({ maxAge, quota }: Pick<Deferred, 'maxAge' | 'quota'>): {
  maxAgeMs: number;
  quotaBytes: number;
} {
  return {
    maxAgeMs: durationMs(maxAge ?? deferredDefaults.maxAge),
    quotaBytes: quantityBytes(quota ?? deferredDefaults.quota),
  };
}
