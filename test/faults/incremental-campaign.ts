import { runIncremental, type RunResult } from './incremental.ts';
import type { Campaign } from './lib/campaign.ts';
import type { LoadResult } from './lib/load.ts';
import { afterFirstRound } from './lib/outcome.ts';
import { describeFault, kinds, plan, scenarioNames, type Plan } from './lib/plan.ts';
import { scenarios } from './scenarios/index.ts';

const stages = ['Train', 'Eval', 'Deploy', 'between'];

/** The digits example: two rounds, and requests all the time. */
export const incremental: Campaign<Plan, RunResult> = {
  name: 'incremental',
  plan,
  undisturbed(planned) {
    const scenario = scenarios[planned.scenario].changesOutcome ? planned.scenario : 'two rounds';
    return { ...planned, seed: 0, scenario, faults: [] };
  },
  play(planned, undisturbed) {
    const { rounds = 2 } = scenarios[planned.scenario];
    const should = undisturbed !== undefined && rounds === 1 ? afterFirstRound(undisturbed) : undisturbed;
    return runIncremental(planned, should);
  },
  missing: ({ scenario }) => scenarios[scenario].missing?.(),
  none: { loads: [], injections: [], deeds: [], violations: [], seconds: 0 },
  describe: describeFault,
  numbers({ loads }) {
    const [requests, answered] = [sum(loads, 'requests'), sum(loads, 'answered')];
    const [gap, whole] = [longest(loads, 'longestOwnGapMs'), longest(loads, 'longestGapMs')];
    const waits = whole - gap > 500 ? ` (${whole} with waits for a CPU)` : '';
    return [`${answered}/${requests} answered`, `longest gap ${gap} ms${waits}`];
  },
  kinds,
  columns: stages,
  columnOf(found) {
    const [stage = ''] = found.split('/');
    return found === 'Train/Waiting' || !stages.includes(stage) ? 'between' : stage;
  },
  scenarios: scenarioNames,
  /** Without sample lists, which are long and equal. */
  brief: (outcome) => ({
    ...outcome,
    rounds: outcome.rounds.map(({ train, eval: judged }) => [train.length, judged.length]),
  }),
};

type Numbers = 'requests' | 'answered' | 'longestOwnGapMs' | 'longestGapMs';

function sum(items: LoadResult[], key: Numbers): number {
  return items.reduce((total, item) => total + item[key], 0);
}

function longest(items: LoadResult[], key: Numbers): number {
  return Math.max(0, ...items.map((item) => item[key]));
}
