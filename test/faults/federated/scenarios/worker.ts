/** The image of the aggregation worker is run: an aggregator that keeps all in memory, killed and frozen with whoever plays the clients to it. */
import { aggregationWorker } from '../stack.ts';
import type { Scenario } from './scenario.ts';

/** A faithful mean comes to the digests of FedAvg, which the undisturbed run has. */
export const worker: Scenario = {
  async play(story) {
    await story.apply({
      aggregation: { strategy: 'Worker' },
      aggregationWorker: aggregationWorker('sedna/faults-own-aggregate:v1'),
    });
    story.arm();
    return story.ended();
  },
};
