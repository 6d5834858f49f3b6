import { hardExampleMiner } from '../algorithms/hard-example-mining/index.ts';
import type { HardExampleMiner } from '../algorithms/hard-example-mining/index.ts';
import type { WorkerConfig } from '../worker/config.ts';
import type { AlgorithmSpec } from '../worker/context.ts';

export type MinerChoice = Partial<AlgorithmSpec> | HardExampleMiner;

/** The miner that code names, else the one that the manifest names; code's parameters win. `undefined`: nobody names one, and there is
 * no `fallback`. */
export function configuredMiner(
  given: MinerChoice | undefined,
  config: WorkerConfig,
  fallback: string,
): HardExampleMiner;
export function configuredMiner(given: MinerChoice | undefined, config: WorkerConfig): HardExampleMiner | undefined;
export function configuredMiner(
  given: MinerChoice | undefined,
  { hardExampleMining }: WorkerConfig,
  fallback?: string,
): HardExampleMiner | undefined {
  if (typeof given === 'function') return given;
  const name = given?.name ?? hardExampleMining?.name ?? fallback;
  if (name === undefined) return undefined;
  // Parameters of another algorithm would mean something else.
  const inherited = hardExampleMining?.name === name ? hardExampleMining.parameters : {};
  return hardExampleMiner(name, { ...inherited, ...given?.parameters });
}
