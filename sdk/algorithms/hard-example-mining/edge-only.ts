import type { HardExampleMinerFactory } from './miner.ts';

/** No sample is hard: none of them leaves the edge. */
export const edgeOnly: HardExampleMinerFactory = () => () => false;
