/**
 * `p13`: the hard-example filters on 1e5 results against the original's rules in Python, step by step (section 5.1 of the lib
 * reference), on identical inputs. Fails when a single decision differs.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../sdk/estimators/onnx/index.ts';
import { hardExampleMiner } from '../sdk/index.ts';
import type { BenchmarkOptions, Case } from './lib/case.ts';
import { median, ratioInterval } from './lib/statistics.ts';
import { LinePeer } from './peers/lines.ts';

const full = { results: 1e5, pairs: 7 };
const tiny = { results: 1e3, pairs: 1 };
const classes = 10;

interface Filter {
  name: string;
  parameters: Record<string, string>;
  inputs: 'probabilities' | 'boxes';
}

/** Parameters as manifests have them: text. */
const filters: Filter[] = [
  { name: 'CrossEntropy', parameters: { threshold_cross_entropy: '0.4' }, inputs: 'probabilities' },
  { name: 'Threshold', parameters: { threshold: '0.5' }, inputs: 'boxes' },
  { name: 'IBT', parameters: { threshold_img: '0.5', threshold_box: '0.6' }, inputs: 'boxes' },
];

export async function run({ quick }: BenchmarkOptions): Promise<Case[]> {
  const { results, pairs } = quick ? tiny : full;
  const random = new Random(13);
  const made = {
    probabilities: Array.from({ length: results }, () => probabilities(random)),
    boxes: Array.from({ length: results }, () => boxes(random)),
  };
  const folder = mkdtempSync(join(tmpdir(), 'sedna-bench-'));
  try {
    const file = join(folder, 'inputs.json');
    writeFileSync(file, JSON.stringify(made));
    // Both sides read what they judge: where numbers lie in memory is half of the time, and the generator scatters them.
    const inputs = JSON.parse(readFileSync(file, 'utf8')) as typeof made;
    const script = fileURLToPath(new URL('./peers/hard_examples.py', import.meta.url));
    const peer = await LinePeer.start({ command: 'python3', args: [script, file] });
    try {
      const cases: Case[] = [];
      for (const filter of filters) cases.push(await compare(filter, inputs[filter.inputs], { peer, pairs }));
      return cases;
    } finally {
      peer.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare(
  { name, parameters, inputs }: Filter,
  results: readonly unknown[],
  { peer, pairs }: { peer: LinePeer; pairs: number },
): Promise<Case> {
  const [ours, theirs]: [number[], number[]] = [[], []];
  // The first pair warms up both.
  for (let pair = 0; pair <= pairs; pair++) {
    const mine = decide(name, parameters, results);
    const other = (await peer.ask({ filter: name, parameters, inputs })) as { decisions: string; seconds: number };
    const differing = mine.decisions.findIndex((hard, i) => hard !== (other.decisions[i] === '1'));
    if (differing >= 0) throw new Error(`${name}: other decisions about ${JSON.stringify(results[differing])}`);
    if (pair === 0) continue;
    ours.push(results.length / mine.seconds);
    theirs.push(results.length / other.seconds);
  }
  return {
    name: `${name}, ${inputs}`,
    n: results.length,
    value: median(ours),
    unit: 'calls/s',
    peer: median(theirs),
    ratioToPeer: median(ours) / median(theirs),
    interval: ratioInterval(ours, theirs),
    goal: { atLeast: 10, of: 'ratio' },
  };
}

function decide(name: string, parameters: Record<string, string>, results: readonly unknown[]) {
  const isHard = hardExampleMiner(name, parameters);
  const decisions = Array<unknown>(results.length);
  const began = performance.now();
  for (let i = 0; i < results.length; i++) decisions[i] = isHard(results[i]);
  return { decisions, seconds: (performance.now() - began) / 1_000 };
}

/** Some sure, some not; one in fifty is no distribution at all. */
function probabilities(random: Random): number[] {
  const sharpness = 1 + 9 * random.uniform();
  const scores = Array.from({ length: classes }, () => Math.exp(sharpness * random.uniform()));
  const sum = scores.reduce((total, score) => total + score, 0);
  const spoilt = random.uniform() < 0.02;
  return scores.map((score) => score / sum + (spoilt ? 1 : 0));
}

/** None to eleven boxes; one in fifty has no score, or one that is none. */
function boxes(random: Random): unknown[] {
  const spoilt = random.uniform();
  return Array.from({ length: Math.floor(12 * random.uniform()) }, () => {
    const corners = [0, 0, 1, 1];
    if (spoilt < 0.01) return corners;
    return [...corners, spoilt < 0.02 ? 1.5 : random.uniform(), 'helmet'];
  });
}
