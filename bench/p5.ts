/** P5: from a line appended to an index to the start of the training, on the real stack; and what one look at a long index costs. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatasetIndex } from '../activities/edge/lib/dataset-index.ts';
import { entityId } from '../workflows/lib/ids.ts';
import type { BenchmarkOptions, Case } from './lib/case.ts';
import { transitionsOf } from './lib/history.ts';
import { refOf } from './lib/stack.ts';
import { median, quantile } from './lib/statistics.ts';
import { BenchJob } from './p5/job.ts';

const full = { rounds: 60, lines: 1_000_000, looks: 20 };
const tiny = { rounds: 2, lines: 1_000, looks: 2 };

export async function run({ quick }: BenchmarkOptions): Promise<Case[]> {
  const sizes = quick ? tiny : full;
  return [await look(sizes), ...(await reaction(sizes.rounds))];
}

async function reaction(n: number): Promise<Case[]> {
  const job = await BenchJob.start();
  try {
    await job.react();
    const { client } = job.stack;
    const entities = [job.id, entityId(refOf('Model', `${job.ref.name}-deployed`))];
    const transitions = async (): Promise<number> => {
      const counts = await Promise.all(entities.map((id) => transitionsOf(client, id)));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    const before = await transitions();
    const times: number[] = [];
    let inRounds = 0;
    for (let i = 0; i < n; i++) {
      times.push(await job.react());
      inRounds += await transitionsOf(client, job.roundId());
    }
    const perRound = (inRounds + (await transitions()) - before) / n;
    // The round itself is there once its training begins.
    const [idle = 0, training = 0, evaluating = 0, over = 0] = await job.halted(
      async () => (await transitions()) + (await transitionsOf(client, job.roundId()).catch(() => 0)),
    );
    const name = 'line appended → training starts';
    return [
      { name: `${name}, p50`, n, value: quantile(times, 0.5), unit: 'ms', goal: { atMost: 100 } },
      { name: `${name}, p99`, n, value: quantile(times, 0.99), unit: 'ms', goal: { atMost: 250 } },
      { name: 'state transitions of a round (job, round, Model)', n, value: perRound, unit: 'transitions' },
      { name: 'of one: until its training has begun', value: training - idle, unit: 'transitions' },
      { name: 'of one: training, until its evaluation has begun', value: evaluating - training, unit: 'transitions' },
      { name: 'of one: evaluation and deployment', value: over - evaluating, unit: 'transitions' },
    ];
  } finally {
    await job.stack.close();
  }
}

/** CPU of the process for one new line, read, counted and digested. */
async function look({ lines, looks }: typeof full): Promise<Case> {
  const folder = mkdtempSync(join(tmpdir(), 'sedna-bench-'));
  try {
    const url = join(folder, 'index.txt');
    writeFileSync(url, Array.from({ length: lines }, (_, i) => `images/${i}.png ${i % 10}\n`).join(''));
    const index = new DatasetIndex({ url, format: 'txt' });
    await index.refresh();
    const times: number[] = [];
    for (let i = 0; i < looks; i++) {
      appendFileSync(url, `images/new-${i}.png 1\n`);
      const before = process.cpuUsage();
      await index.refresh();
      await index.digestAt(index.count);
      const { user, system } = process.cpuUsage(before);
      times.push((user + system) / 1_000);
    }
    return {
      name: 'one new line of a long index',
      n: lines,
      value: median(times),
      unit: 'ms CPU',
      goal: { atMost: 5 },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
