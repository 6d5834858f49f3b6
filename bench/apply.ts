/** `apply`: many jobs at once on a running stack with its API server, and what they cost when they have nothing to do. */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BenchJobs } from './apply/jobs.ts';
import { apiRequests } from './lib/api-requests.ts';
import type { BenchmarkOptions, Case } from './lib/case.ts';
import { cpuMs, residentKiB } from './lib/processes.ts';
import { BenchStack } from './lib/stack.ts';
import { quantile } from './lib/statistics.ts';

const full = { jobs: 100, idleMs: 60_000, nodes: ['edge-1', 'edge-2'] };
const tiny = { jobs: 2, idleMs: 1_000, nodes: ['edge-1'] };

/** Reading the object, then the patch. */
const ownRequests = 2;

export async function run({ quick }: BenchmarkOptions): Promise<Case[]> {
  const { jobs: n, idleMs, nodes } = quick ? tiny : full;
  const images = [fileURLToPath(new URL('./apply/images.yaml', import.meta.url))];
  const stack = await BenchStack.start({ standalone: false, nodes, images });
  try {
    const jobs = new BenchJobs(stack, nodes, { count: n, prefix: 'job' });
    await jobs.prepare();
    await quiet(stack);
    const before = { requests: (await apiRequests(stack.kube)) - stack.lists, memory: memory(stack) };
    const applied = await jobs.apply();
    const started = await jobs.started(applied);
    await quiet(stack);
    const requests = (await apiRequests(stack.kube)) - stack.lists - before.requests - ownRequests * n;
    const after = memory(stack);
    const grown = (name: Side): number => (after[name] - before.memory[name]) / n;
    const [scheduledMs, startedMs] = [started.map(({ scheduled }) => scheduled), started.map((one) => one.started)];
    const last = Math.max(...started.map(({ at }) => at));
    return [
      ...latencies('applied at once → train activity scheduled', scheduledMs),
      ...latencies('applied at once → worker started', startedMs),
      { name: 'workers started', n, value: n / ((last - Math.min(...applied)) / 1_000), unit: '/s' },
      { name: 'API requests of a job, to the end of its first round', n, value: requests / n, unit: 'requests' },
      { name: 'memory of an idle job: GM', n, value: grown('gm'), unit: 'KiB', goal: { atMost: 20 } },
      { name: 'memory of an idle job: LC', n, value: grown('lc'), unit: 'KiB' },
      ...(await idle(stack, n, idleMs)),
      ...(await asManyAgain(stack, new BenchJobs(stack, nodes, { count: n, prefix: 'more' }))),
    ];
  } finally {
    await stack.close();
  }
}

function latencies(name: string, times: number[]): Case[] {
  const one = (label: string, p: number): Case => {
    return { name: `${name}, ${label}`, n: times.length, value: quantile(times, p), unit: 'ms' };
  };
  return [one('p50', 0.5), one('p99', 0.99)];
}

/** With nothing to do: history events of all entities, and the CPU of those that keep them. */
async function idle(stack: BenchStack, n: number, idleMs: number): Promise<Case[]> {
  const minutes = idleMs / 60_000;
  const [events, cpu, requests] = [await stack.historyEvents(), cpuOf(stack), await apiRequests(stack.kube)];
  await delay(idleMs);
  const used = cpuOf(stack);
  const written = (await stack.historyEvents()) - events;
  const asked = (await apiRequests(stack.kube)) - requests;
  const percent = (name: Side): number => ((used[name] - cpu[name]) / idleMs) * 100;
  return [
    {
      name: 'history events per idle minute, all entities',
      n,
      value: written / minutes,
      unit: 'events',
      goal: { atMost: 0 },
    },
    { name: 'API requests per idle minute, all objects', n, value: asked / minutes, unit: 'requests' },
    { name: 'idle CPU: GM', n, value: percent('gm'), unit: '% of a core', goal: { atMost: 1 } },
    { name: 'idle CPU: all LCs', n, value: percent('lc'), unit: '% of a core', goal: { atMost: 1 } },
    { name: 'idle CPU: Temporal server', n, value: percent('temporal'), unit: '% of a core' },
    { name: 'idle CPU: GM and LCs, per job', n, value: ((percent('gm') + percent('lc')) / n) * 600, unit: 'ms/min' },
  ];
}

/** All is written that was under way: no new history event for five seconds. */
async function quiet(stack: BenchStack): Promise<void> {
  let last = -1;
  for (let i = 0; i < 24; i++) {
    const events = await stack.historyEvents();
    if (events === last) return;
    last = events;
    await delay(5_000);
  }
  throw new Error('the entities do not come to rest within two minutes');
}

/** The first ones fill the caches of workflows; these show what each further one costs. */
async function asManyAgain(stack: BenchStack, jobs: BenchJobs): Promise<Case[]> {
  const before = memory(stack);
  await jobs.prepare();
  await jobs.started(await jobs.apply());
  await quiet(stack);
  const after = memory(stack);
  const n = jobs.names.length;
  return (['gm', 'lc'] as const).map((name) => {
    const value = (after[name] - before[name]) / n;
    return { name: `memory of an idle job, of as many again: ${name.toUpperCase()}`, n, value, unit: 'KiB' };
  });
}

type Side = 'gm' | 'lc' | 'temporal';

function memory(stack: BenchStack): Record<Side, number> {
  return sums(stack, residentKiB);
}

function cpuOf(stack: BenchStack): Record<Side, number> {
  return sums(stack, cpuMs);
}

function sums(stack: BenchStack, of: (pid: number) => number): Record<Side, number> {
  const sum = (prefix: string): number => {
    const parts = stack.state.components.filter(({ name }) => name === prefix || name.startsWith(`${prefix}/`));
    return parts.reduce((total, { pid }) => total + of(pid), 0);
  };
  return { gm: sum('gm'), lc: sum('lc'), temporal: sum('temporal') };
}
