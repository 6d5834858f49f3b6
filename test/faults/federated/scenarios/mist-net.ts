/** Features instead of updates: each client hands them over once, whoever dies. Without noise the model is that of the undisturbed run. */
import { stackPaths } from '../../../../deploy/local/state.ts';
import { featuresLeftOnce, featuresOnce } from '../features-oracle.ts';
import type { Spec } from '../stack.ts';
import type { Scenario } from './scenario.ts';

/** Of the points' model, behind its hidden layer. */
const code = { cut_layer: 'relu2', bits: 8, low: 0, high: 4 };
const head = { epochs: 100, batchSize: 16, learningRate: 0.005 };

const spec = (epsilon: number): Spec => ({
  rounds: { total: 1 },
  aggregation: { strategy: 'MistNet', parameters: { ...code, epsilon } },
  trainingConfig: head,
});

const scenario = (epsilon: number): Pick<Scenario, 'rounds' | 'changesOutcome' | 'play'> => ({
  rounds: 1,
  changesOutcome: true,
  async play(story) {
    await story.apply(spec(epsilon));
    story.arm();
    return story.ended();
  },
});

export const mistNet: Scenario = {
  ...scenario(100),
  judge: (history) => Promise.resolve(featuresOnce(history)),
};

/** Each encoding draws noise of its own. */
export const mistNetWithNoise: Scenario = {
  ...scenario(8),
  isOpen: true,
  async judge(history, { world }) {
    return [...featuresOnce(history), ...featuresLeftOnce(stackPaths(world.stack.cwd).blobs)];
  },
};
