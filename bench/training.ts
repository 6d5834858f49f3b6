/** Training steps per second of the SDK's estimator, alone and against other libraries. */
import type { BenchmarkOptions, Case } from './lib/case.ts';
import { againstPeers } from './training/peers.ts';
import { stepsPerSecond, STEPS_PER_EPOCH, workloads, type Workload } from './training/workloads.ts';

const full = { repeats: 3, pairs: 5, seconds: 1.5, quick: false };
const tiny = { repeats: 1, pairs: 1, seconds: 0.05, quick: true };

export async function run({ quick }: BenchmarkOptions): Promise<Case[]> {
  const sizes = quick ? tiny : full;
  const cases: Case[] = [];
  for (const workload of workloads) cases.push(await alone(workload, sizes));
  return [...cases, ...(await againstPeers(sizes))];
}

/** The best of three with the runtime's default threads, after a warm-up: other load on the machine only ever slows a run down. */
async function alone(workload: Workload, { repeats, quick }: typeof full): Promise<Case> {
  await stepsPerSecond(workload, STEPS_PER_EPOCH);
  const steps = quick ? STEPS_PER_EPOCH : workload.steps;
  const rates: number[] = [];
  for (let i = 0; i < repeats; i++) rates.push(await stepsPerSecond(workload, steps));
  return { name: workload.name, n: workload.batch, value: Math.round(Math.max(...rates)), unit: 'steps/s' };
}
