/** Rounds of a federated job without nodes: the selection, training, checks and aggregation of the real ones, one after the other. */
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import {
  Kernel,
  nodeStrategy,
  type ClientUpdate,
  type Refusal,
  type Strategy,
} from '../../../sdk/algorithms/aggregation/index.ts';
import { selectClients } from '../../../sdk/algorithms/client-selection/index.ts';
import type { Weights } from '../../../sdk/estimators/estimator.ts';
import { expand } from '../../../sdk/features/federated/compression.ts';
import { digestFile } from '../../../sdk/storage/index.ts';
import { TensorFile, writeWeights } from '../../../sdk/tensors/index.ts';
import { seedOf, settingsOf, weightedMetrics } from '../../../workflows/lib/federated/settings.ts';
import { hasEnough, metSoFar } from '../../../workflows/lib/federated/stopping.ts';
import { Arrivals, type Counted } from './buffered.ts';
import type { ClientThreads } from './threads.ts';

/** A finished round, as far as a person or a table wants to know. */
export interface SimulatedRound {
  round: number;
  clients: number;
  refused: number;
  samples: number;
  /** Of the weights that the round began with, on the clients' own data; of the strategy; and, prefixed `test_`, of those it ended with. */
  metrics: Record<string, number>;
  /** SHA-256 of the weights that it ended with. */
  digest: string;
  seconds: number;
}

export interface SimulatedJob {
  fields: FederatedLearningJobFields;
  clients: string[];
  threads: ClientThreads;
  /** Files with strategies beyond those of the SDK. */
  strategies: string[];
  /** Weights of round 0; undefined: those that the estimator begins with. */
  initial: Weights | undefined;
  /** A folder of its own. */
  directory: string;
  /** Judges the weights in a file on a test set. */
  test?: (weights: string) => Promise<Record<string, number>>;
}

export async function* simulate(job: SimulatedJob): AsyncGenerator<SimulatedRound> {
  const { fields, directory } = job;
  const { strategy: name, parameters } = fields.aggregation;
  const strategy = await nodeStrategy({ name, parameters }, job.strategies);
  const arrivals = strategy.pace === 'buffer' ? new Arrivals(job) : undefined;
  await mkdir(directory, { recursive: true });
  const known: Known = { samples: {}, failures: {} };
  const kernel = new Kernel();
  try {
    await begin(job);
    for (let round = 1, met = 0; round <= fields.rounds.total && !hasEnough(met, fields.rounds); round++) {
      const done = await playRound(job, { round, known, strategy, kernel, arrivals });
      met = metSoFar(met, done, fields.rounds);
      yield done;
    }
  } finally {
    await kernel.close();
  }
}

/** What selection goes by, of earlier rounds. */
interface Known {
  samples: Record<string, number>;
  failures: Record<string, number>;
}

interface Round {
  round: number;
  known: Known;
  strategy: Strategy;
  kernel: Kernel;
  /** Of a strategy with a buffer. */
  arrivals: Arrivals | undefined;
}

/** What came of a round's tasks. */
export interface Answers {
  taken: Counted[];
  refused: { client: string; refused: Refusal }[];
}

export const globalFile = ({ directory }: SimulatedJob): string => join(directory, 'global.safetensors');
const stateFile = ({ directory }: SimulatedJob): string => join(directory, 'state.safetensors');

async function begin(job: SimulatedJob): Promise<void> {
  if (job.initial !== undefined) await writeWeights(globalFile(job), job.initial);
  else await job.threads.play({ client: 0, begin: globalFile(job) });
}

async function playRound(job: SimulatedJob, of: Round): Promise<SimulatedRound> {
  const began = performance.now();
  const { fields } = job;
  const { round, known, strategy, kernel, arrivals } = of;
  const { taken, refused } = await (arrivals === undefined ? playAll(job, of) : arrivals.fill(round));
  for (const { client } of refused) known.failures[client] = (known.failures[client] ?? 0) + 1;
  for (const { client, samples } of taken) known.samples[client] = samples;
  if (taken.length === 0) throw refusedRound(round, refused);
  const strategyMetrics = await aggregate(job, taken, { round, strategy, kernel });
  const judged = taken.flatMap(({ samples, evaluation: metrics, staleness = 0 }) =>
    metrics && staleness === 0 ? [{ samples, metrics }] : [],
  );
  const tested = (await job.test?.(globalFile(job))) ?? {};
  return {
    round,
    clients: taken.length,
    refused: refused.length,
    samples: taken.reduce((sum, { samples }) => sum + samples, 0),
    metrics: {
      ...weightedMetrics(judged, fields.evaluation.metrics),
      ...strategyMetrics,
      // Judged centrally, they are the metrics that the job goes by.
      ...(fields.evaluation.where === 'Central' ? tested : prefixed('test_', tested)),
    },
    digest: (await digestFile(globalFile(job))).sha256,
    seconds: (performance.now() - began) / 1000,
  };
}

async function playAll(job: SimulatedJob, { known, round }: Round): Promise<Answers> {
  const weights = globalFile(job);
  const clients = choose(job, known, round);
  if (clients.length === 0) {
    const { strategy } = job.fields.selection;
    throw new Error(
      `round ${round}: spec.clientSelection: ${strategy} chooses nobody of ${job.clients.length} clients`,
    );
  }
  const answers = await Promise.all(
    clients.map((client) => job.threads.play(turnOf(job, { client, round, turn: 0, weights }))),
  );
  return {
    taken: answers.flatMap((answer) => ('done' in answer ? [answer.done] : [])),
    refused: answers.flatMap((answer) => ('refused' in answer ? [answer] : [])),
  };
}

export function refusedRound(round: number, [first]: Answers['refused']): Error {
  return new Error(`round ${round}: every update was refused; client ${first?.client}: ${first?.refused.message}`);
}

function prefixed(prefix: string, metrics: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${prefix}${name}`, value]));
}

function choose({ fields, clients }: SimulatedJob, { samples, failures }: Known, round: number): string[] {
  const { strategy, perRound, parameters, seed } = fields.selection;
  const facts = clients.map((client) => ({ client, samples: samples[client], failures: failures[client] ?? 0 }));
  return selectClients(strategy, {
    clients: facts,
    round,
    seed,
    parameters,
    ...(perRound === undefined ? {} : { perRound }),
  });
}

interface Task {
  client: string;
  round: number;
  turn: number;
  weights: string;
}

export function turnOf(
  job: SimulatedJob,
  { client, round, turn, weights }: Task,
): Parameters<ClientThreads['play']>[0] {
  const { selection, evaluation } = job.fields;
  return {
    client: Number(client),
    round,
    weights,
    settings: settingsOf(job.fields, round),
    seed: seedOf(selection.seed, client, round, turn),
    evaluate: turn === 0 && evaluation.where === 'Clients' && (round - 1) % evaluation.every === 0,
  };
}

/** The global file is replaced when the new one is whole; in client order, so that equal updates give equal bytes. */
async function aggregate(
  job: SimulatedJob,
  taken: Counted[],
  { round, strategy, kernel }: Omit<Round, 'known' | 'arrivals'>,
): Promise<Record<string, number>> {
  const open: TensorFile[] = [];
  const opened = async (path: string): Promise<TensorFile> => {
    const file = await TensorFile.open(path);
    open.push(file);
    return file;
  };
  try {
    const global = await opened(globalFile(job));
    const bases = new Map<string | undefined, TensorFile>();
    const updates: ClientUpdate[] = [];
    for (const one of taken.toSorted((a, b) => (a.client < b.client ? -1 : 1))) {
      const { client, file, samples, metrics, staleness = 0 } = one;
      const base = staleness === 0 ? global : (bases.get(one.base) ?? (await opened(one.base ?? globalFile(job))));
      if (staleness > 0) bases.set(one.base, base);
      const sent = await opened(file);
      const expanded = await expand(sent, base, `${file}.whole`);
      const whole = expanded === undefined ? sent : await opened(expanded);
      updates.push({ client, file: whole, samples, metrics, base, staleness });
    }
    const out = {
      model: join(job.directory, 'next.safetensors'),
      state: join(job.directory, 'next-state.safetensors'),
    };
    const state = round === 1 ? undefined : await opened(stateFile(job)).catch(() => undefined);
    const done = await strategy.aggregate({ round, global, updates, ...(state && { state }), out, kernel });
    if (done.state !== undefined) await rename(out.state, stateFile(job));
    await rename(out.model, globalFile(job));
    return done.metrics;
  } finally {
    for (const file of open) await file.close();
  }
}
