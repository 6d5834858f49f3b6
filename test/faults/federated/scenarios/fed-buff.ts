/** Rounds that are full buffers: which updates share one follows from the clock, and each counts once, whoever dies. */
import { bufferViolations } from '../buffer-oracle.ts';
import type { Scenario } from './scenario.ts';

const rules = { size: 8, serverLearningRate: 1 };

export const fedBuff: Scenario = {
  isOpen: true,
  changesOutcome: true,
  judge: (history) => bufferViolations(history, rules),
  async play(story) {
    const { size: bufferSize, serverLearningRate } = rules;
    await story.apply({ aggregation: { strategy: 'FedBuff', parameters: { bufferSize, serverLearningRate } } });
    story.arm();
    return story.ended();
  },
};
