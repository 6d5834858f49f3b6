import { z } from 'zod';
import { podTemplate, preserved } from './pod-template.ts';
import { withRules } from './rule.ts';

const count = (description: string) => z.int32().min(0, 'must be 0 or more').describe(description).optional();
const ignored = 'Accepted as in apps/v1 and batch/v1; not used.';

/** Bounded: each is a process, and a row of the status. */
export const maxReplicas = 50;

/** How many workers of one sort share the requests. */
export const replicas = () =>
  z
    .int32()
    .min(0, 'must be between 0 and 50')
    .max(maxReplicas, 'must be between 0 and 50')
    .describe('Workers that share the requests. Default: 1.')
    .optional();

/** Fields of an apps/v1 DeploymentSpec. `replicas` and `template` are used; the selector is made by the platform. */
export const deploymentFields = {
  replicas: count('Number of workers. Default: 1.'),
  selector: preserved(ignored).optional(),
  template: podTemplate(),
  strategy: preserved(ignored).optional(),
  minReadySeconds: count(ignored),
  revisionHistoryLimit: count(ignored),
  paused: z.boolean().describe(ignored).optional(),
  progressDeadlineSeconds: count(ignored),
};

/** Fields of a batch/v1 JobSpec. Only `template` is used. */
export const jobFields = {
  parallelism: count(ignored),
  completions: count(ignored),
  activeDeadlineSeconds: z.int().describe(ignored).optional(),
  podFailurePolicy: preserved(ignored).optional(),
  successPolicy: preserved(ignored).optional(),
  backoffLimit: count(ignored),
  backoffLimitPerIndex: count(ignored),
  maxFailedIndexes: count(ignored),
  selector: preserved(ignored).optional(),
  manualSelector: z.boolean().describe(ignored).optional(),
  template: podTemplate(),
  ttlSecondsAfterFinished: count(ignored),
  completionMode: z.string().describe(ignored).optional(),
  suspend: z.boolean().describe(ignored).optional(),
  podReplacementPolicy: z.string().describe(ignored).optional(),
  managedBy: z.string().describe(ignored).optional(),
};

/** HPAScalingRules of autoscaling/v2, with the bounds of its validation. */
const scalingRules = () =>
  z
    .strictObject({
      stabilizationWindowSeconds: z.int32().min(0, 'must be 0 or more').max(3_600, 'must be 3600 or less').optional(),
      selectPolicy: z.enum(['Max', 'Min', 'Disabled']).optional(),
      tolerance: z
        .string()
        .regex(/^[0-9]+(\.[0-9]+)?m?$/, "must be a quantity such as '0.05' or '50m'")
        .describe("Part of the target by which the metric may be off without a change. Default: '0.1'.")
        .optional(),
      policies: z
        .array(
          z.strictObject({
            type: z.enum(['Pods', 'Percent']),
            value: z.int32().min(1, 'must be 1 or more'),
            periodSeconds: z.int32().min(1, 'must be 1 or more').max(1_800, 'must be 1800 or less'),
          }),
        )
        .optional(),
    })
    .optional();

/** Horizontal scaling of a worker set, as in autoscaling/v2. */
export const autoscaling = () =>
  withRules(
    z.strictObject({
      minReplicas: z.int32().min(0, 'must be 0 or more').optional(),
      maxReplicas: z.int32().min(1, 'must be 1 or more'),
      metrics: z.array(preserved('autoscaling/v2 MetricSpec.')).optional(),
      behavior: z.strictObject({ scaleUp: scalingRules(), scaleDown: scalingRules() }).optional(),
    }),
    {
      cel: '!has(self.minReplicas) || self.minReplicas <= self.maxReplicas',
      message: 'minReplicas must not be greater than maxReplicas',
      check: ({ minReplicas, maxReplicas }) => minReplicas === undefined || minReplicas <= maxReplicas,
    },
  );

export type Autoscaling = z.infer<ReturnType<typeof autoscaling>>;
