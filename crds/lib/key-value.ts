import { z } from 'zod';

export const keyValue = () => z.strictObject({ key: z.string(), value: z.string() });

export type KeyValue = z.infer<ReturnType<typeof keyValue>>;

/** Which samples are hard for the little model. Values are strings; the algorithm converts them. */
export const hardExampleMining = () =>
  z.strictObject({
    name: z.string().max(253).describe('Registered algorithm, such as IBT, CrossEntropy or Threshold.'),
    parameters: z.array(keyValue()).describe('Parameters of the algorithm; all values are strings.').optional(),
  });

export type HardExampleMining = z.infer<ReturnType<typeof hardExampleMining>>;
