import { z } from 'zod';
import { age, cure, message, phase, ready, reason, roundOf, since } from './lib/columns.ts';
import { defineKind } from './lib/kind.ts';
import type { Manifest } from './lib/kind.ts';
import { aggregation, clientSelection, evaluation, rounds, trainingConfig, updatePolicy } from './lib/federated.ts';
import { outputDirectory } from './lib/locations.ts';
import { credentialName, dnsName, reference } from './lib/names.ts';
import { podTemplate } from './lib/pod-template.ts';
import { withRules } from './lib/rule.ts';
import { counter, statusOf } from './lib/status.ts';

const fields = z.strictObject({
  aggregationWorker: z.strictObject({ model: reference('Model that the rounds improve'), template: podTemplate() }),
  trainingWorkers: z
    .array(z.strictObject({ dataset: reference('Dataset that this worker trains on'), template: podTemplate() }))
    .min(1, 'must name at least one training worker')
    // What a run of so many remembers and hands over fits into Temporal's payloads (docs/federated-learning.md).
    .max(10_000, 'must name at most 10,000 training workers: divide them among several jobs'),
  pretrainedModel: reference('Model that round 1 starts from').optional(),
  startFrom: z
    .strictObject({
      job: dnsName().describe('Name of another FederatedLearningJob in the same namespace.'),
      round: z.int().min(0).describe('A round that it has stored; 0 is what its round 1 started from.'),
    })
    .describe('Round 1 starts from a round of another job, in place of any model file. sedna fork writes it.')
    .optional(),
  transmitter: z
    .strictObject({
      s3: z
        .strictObject({
          aggDataPath: outputDirectory().describe('s3:// prefix that updates travel through.'),
          credentialName: credentialName(),
        })
        .optional(),
      ws: z.strictObject({}).optional(),
    })
    .describe('How updates travel. s3 wins over ws; default: ws.')
    .optional(),
  rounds: rounds().describe('How many rounds, and when each of them closes.').optional(),
  aggregation: aggregation().describe('How updates become the next global model.').optional(),
  trainingConfig: trainingConfig().describe('Hyper-parameters that trainers of this SDK obey.').optional(),
  clientSelection: clientSelection().describe('Which clients take part in a round.').optional(),
  evaluation: evaluation().describe('When and where global models are judged.').optional(),
  updatePolicy: updatePolicy().describe('What an update must be to count.').optional(),
  keepWarm: z.boolean().describe('Trainers stay up between rounds. Default: true.').optional(),
});

/** That there is none at all is said by the field itself. */
const oneOrMore = (count: number): number => Math.max(1, count);

const spec = withRules(
  fields,
  {
    cel: '!has(self.rounds) || !has(self.rounds.minClientsToStart) || self.rounds.minClientsToStart <= size(self.trainingWorkers)',
    message: 'rounds.minClientsToStart must be at most the number of trainingWorkers: more will never be there',
    check: ({ rounds, trainingWorkers }) => (rounds?.minClientsToStart ?? 1) <= oneOrMore(trainingWorkers.length),
  },
  {
    cel: "!has(self.rounds) || !has(self.rounds.quorum) || !has(self.rounds.quorum.minAvailable) || (self.rounds.quorum.minAvailable <= size(self.trainingWorkers) && (!has(self.clientSelection) || !has(self.clientSelection.perRound) || !has(self.clientSelection.strategy) || self.clientSelection.strategy == 'All' || self.rounds.quorum.minAvailable <= self.clientSelection.perRound))",
    message:
      'rounds.quorum.minAvailable must be at most the number of trainingWorkers, and at most clientSelection.perRound: no round has more updates',
    check: ({ rounds, trainingWorkers, clientSelection: { strategy = 'All', perRound = Infinity } = {} }) =>
      (rounds?.quorum?.minAvailable ?? 1) <=
      oneOrMore(Math.min(trainingWorkers.length, strategy === 'All' ? Infinity : perRound)),
  },
  {
    cel: "!has(self.aggregation) || !has(self.aggregation.strategy) || self.aggregation.strategy != 'MistNet' || !has(self.rounds) || !has(self.rounds.total) || self.rounds.total == 1",
    message: 'rounds.total must be 1, or be left out: clients of MistNet hand over what they have once',
    check: ({ aggregation: { strategy } = {}, rounds: { total = 1 } = {} }) => strategy !== 'MistNet' || total === 1,
  },
);

const status = statusOf({
  round: z.string().describe('Round under way, else the last one, of all: "3/10".').optional(),
  quorum: z.string().describe('Accepted updates of the open round, of those that it needs: "1/2".').optional(),
  active: counter(),
  succeeded: counter(),
  failed: counter(),
});

export const federatedLearningJob = defineKind({
  kind: 'FederatedLearningJob',
  shortNames: ['fl'],
  description: 'Trains one model on many nodes without moving their data. Available when the last round is published.',
  spec,
  status,
  printerColumns: [phase, roundOf, ready, reason, since, message, cure, age],
});

export type FederatedLearningJobSpec = z.infer<typeof spec>;
export type FederatedLearningJobStatus = z.infer<typeof status>;
export type FederatedLearningJob = Manifest<FederatedLearningJobSpec, FederatedLearningJobStatus>;
