import { z } from 'zod';
import { keyValue } from './key-value.ts';

const time = () => z.string().meta({ format: 'date-time' }).optional();
const text = () => z.string().optional();

/** Roll-up conditions come first in the list; the last element is the stage state, as Sedna's readers expect. */
export const condition = () =>
  z.looseObject({
    type: z.string(),
    status: z.string(),
    reason: text(),
    message: text(),
    observedGeneration: z.int().optional(),
    lastTransitionTime: time(),
    lastHeartbeatTime: time(),
    lastProbeTime: time(),
    stage: z.string().describe('Train, Eval or Deploy; absent in roll-up conditions.').optional(),
    data: z.string().describe('JSON: input and output of the stage.').optional(),
  });

const waitingFor = z.looseObject({
  reason: z.string(),
  message: text(),
  since: time(),
  cure: z.string().describe('What a person does about it.').optional(),
  more: z.string().describe('Paragraph of the documentation.').optional(),
});

const version = z.looseObject({
  uri: text(),
  sha256: text(),
  bytes: z.int().optional(),
  format: text(),
  stage: z.string().describe('candidate, live or retired').optional(),
  createdAt: time(),
});

const endpoint = z.looseObject({ name: text(), node: text(), url: text() });

/** Counters are integers on the wire whatever the kind. */
export const counter = () => z.int().optional();

const common = {
  phase: text(),
  observedGeneration: z.int().optional(),
  sequence: z.int().describe('Grows with every write; a late writer sees that it is late.').optional(),
  stage: text(),
  round: z.int().optional(),
  waitingFor: waitingFor.optional(),
  node: text(),
  handledVerbs: z
    .record(z.string(), z.string())
    .describe('Last value of each sedna.io/<verb> annotation that was acted on.')
    .optional(),
  endpoints: z.array(endpoint).meta({ 'x-kubernetes-list-type': 'atomic' }).optional(),
  conditions: z.array(condition()).max(50).meta({ 'x-kubernetes-list-type': 'atomic' }).optional(),
  startTime: time(),
  completionTime: time(),
  updateTime: time(),
};

/** Status of a kind: what all kinds have, plus its own fields. Unknown fields are kept, so newer writers can add some. */
export const statusOf = <T extends z.ZodRawShape>(own: T) => z.looseObject({ ...common, ...own });

export const metrics = () => z.array(keyValue()).meta({ 'x-kubernetes-list-type': 'atomic' }).optional();
export const versions = () => z.array(version).meta({ 'x-kubernetes-list-type': 'atomic' }).optional();

export type Condition = z.infer<ReturnType<typeof condition>>;
export type ModelVersion = z.infer<typeof version>;
export type WaitingFor = z.infer<typeof waitingFor>;
export type Endpoint = z.infer<typeof endpoint>;
