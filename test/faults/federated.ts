import { runFederated, type FederatedResult } from './federated/run.ts';
import { describeFault, kinds, plan, scenarioNames, type Plan } from './federated/plan.ts';
import { scenarios } from './federated/scenarios/index.ts';
import type { Campaign } from './lib/campaign.ts';

const columns = ['Collecting', 'Aggregating', 'Waiting', 'other'];

/** Eight clients on three edges learn one model in ten rounds. */
export const federated: Campaign<Plan, FederatedResult> = {
  name: 'federated',
  plan,
  undisturbed(planned) {
    const scenario = scenarios[planned.scenario].changesOutcome ? planned.scenario : 'ten rounds';
    return { ...planned, seed: 0, scenario, faults: [] };
  },
  play: runFederated,
  missing: ({ scenario }) => scenarios[scenario].missing?.(),
  none: { injections: [], deeds: [], violations: [], seconds: 0 },
  describe: describeFault,
  numbers({ counts, outcome }) {
    const digest = outcome?.rounds.at(-1)?.digest.slice(0, 12) ?? 'none';
    const { trainings = 0, repeated = 0 } = counts ?? {};
    return [`digest ${digest}`, `${trainings} trainings, ${repeated} of them taken up again`];
  },
  kinds,
  columns,
  columnOf: (found) => columns.find((column) => found.startsWith(column)) ?? 'other',
  scenarios: scenarioNames,
  brief: (outcome) => outcome,
};
