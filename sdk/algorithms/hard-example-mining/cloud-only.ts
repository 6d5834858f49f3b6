import type { HardExampleMinerFactory } from './miner.ts';

/** Every sample is hard: all of them go to the cloud. */
export const cloudOnly: HardExampleMinerFactory = () => () => true;
