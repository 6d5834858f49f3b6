/**
 * Rounds that a program of the user's own aggregates (`strategy: Worker`). It is started when a round is to be aggregated and kept for the
 * next one. What it is told are the accepted blobs, so whoever dies meanwhile, another one is started and told the same.
 */
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { userAggregator, type UserAggregator } from '../../sdk/algorithms/aggregation/index.ts';
import type { AggregateInput, AggregateResult, AggregatorSpec, CheckStrategyInput, WorkerSpec } from '../contracts.ts';
import { failure, orDiskFull } from '../lib/failure.ts';
import { ChildEnded, ChildError } from './lib/child.ts';
import { AggregatorJournal, type AskedRound } from './lib/aggregator-journal.ts';
import { tellAggregation } from './lib/aggregator-news.ts';
import { isSaidAgain } from './lib/news.ts';
import { refusePlato } from './lib/original-trainers.ts';
import { endingOf } from './lib/resident.ts';
import type { WorkerLaunch, WorkerView } from './runtime.ts';
import { tasksOfWorker } from './tasks.ts';
import { launchOf, type WorkerDependencies } from './worker.ts';

/** What a round needs beside the runtime. `workers/lib/aggregator/` implements it. */
export interface RoundPlayer {
  /**
   * Plays the clients of a round, once, to whoever listens there. Rejects with ChildError, `AggregatorFailed` or `AggregateInvalid` where it is
   * the aggregator's doing, `DtypeUnsupported` where the model is none for it; and with ChildEnded where nobody knows what it was told.
   */
  play(
    input: { blobUrl: string; round: AggregateInput; address: Address; timeoutSeconds: number; scratch: string },
    signal: AbortSignal,
  ): Promise<AggregateResult>;
}

interface Address {
  port: number;
  path: string;
}

export interface UserAggregators {
  /** Throws what a person must mend before anybody trains for it. */
  check(strategy: CheckStrategyInput & { worker: WorkerSpec }): Promise<void>;
  aggregate(round: AggregateInput, aggregator: AggregatorSpec, place: Place): Promise<AggregateResult>;
}

interface Place {
  scratch: string;
  signal: AbortSignal;
}

type Dependencies = WorkerDependencies & { player: RoundPlayer };

/** Sedna's port of an aggregator; a template may give it a name. */
const aggregationPort = 7363;
/** What it sent before its end may still be read for so long. */
const lastWordsMs = 5_000;
/** After its connection broke its end is seen within so long. */
const endSeenMs = 1_000;

export function createUserAggregators(deps: Dependencies): UserAggregators {
  const turns = new Turns();
  return {
    async check({ worker, parameters }) {
      parametersOf(parameters);
      deps.runtime.check(await launchOfAggregator(deps, worker));
    },
    aggregate: (round, aggregator, place) =>
      turns.after(aggregator.worker.name, () => {
        place.signal.throwIfAborted();
        return aggregate(deps, round, aggregator, place);
      }),
  };
}

/** An attempt that was cancelled ends before the next one asks the same aggregator: it hears of that as soon as the next one begins. */
class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  async after<T>(name: string, act: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(name) ?? Promise.resolve()).then(act);
    const settled = turn.catch(() => undefined);
    this.#last.set(name, settled);
    try {
      return await turn;
    } finally {
      if (this.#last.get(name) === settled) this.#last.delete(name);
    }
  }
}

async function aggregate(
  deps: Dependencies,
  round: AggregateInput,
  { worker, run }: AggregatorSpec,
  place: Place,
): Promise<AggregateResult> {
  const parameters = parametersOf(round.strategy.parameters);
  const journal = new AggregatorJournal(tasksOfWorker(deps.stateDir, worker.owner, worker.name));
  const asked: AskedRound = { run, round: round.round, key: keyOf(round) };
  const before = await journal.read();
  const isSame = before?.run === run && before.key === asked.key;
  // The local controller died after the answer: the same updates are not played again.
  if (isSame && before.result !== undefined && (await deps.blobs.has(before.result.weights))) return before.result;
  // In the middle of a round, or of another run: what it remembers is wrong.
  if (!isNext(asked, before) || !runs(deps, worker)) await deps.runtime.remove(worker.name);
  // That may have taken a while, in which whoever stops aggregators has been here.
  place.signal.throwIfAborted();
  await journal.write({ ...asked, ...(isSame && before.told !== undefined ? { told: before.told } : {}) });
  try {
    const launch = await launchOfAggregator(deps, worker);
    place.signal.throwIfAborted();
    await deps.runtime.ensure(launch);
    const result = await played(deps, { round, worker, parameters }, place);
    await journal.write({ ...asked, result });
    return result;
  } catch (error) {
    await undone(deps, worker, place.signal);
    const named = orDiskFull(error);
    if (named instanceof ApplicationFailure) await tell(deps, { ...round, journal }, named);
    throw named;
  }
}

/**
 * Throws the reason of `signal` if it has one. A cancellation is heard late: whoever stops aggregators may have found none before this one was
 * started, and in the middle of a round it is of no use to the next attempt either.
 */
async function undone(deps: Dependencies, { owner, name }: WorkerSpec, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) return;
  if ((await endingOf((id, run) => deps.signaller.runs(id, run))) === 'wanted') {
    await deps.runtime.remove(name);
    await rm(tasksOfWorker(deps.stateDir, owner, name), { recursive: true, force: true });
  }
  throw signal.reason;
}

function isNext({ run, round }: AskedRound, before: AskedRound | undefined): boolean {
  return before?.result !== undefined && before.run === run && before.round === round - 1;
}

function runs({ runtime }: Dependencies, { name }: WorkerSpec): boolean {
  return runtime.get(name)?.state === 'running';
}

/** Which updates they are, in their order, and what they start from. */
function keyOf({ round, weights, updates, file }: AggregateInput): string {
  const blobs = updates.map(({ client, samples, blob, base }) => [client, samples, blob.sha256, base?.sha256]);
  const text = JSON.stringify([round, weights.sha256, file?.sha256, blobs]);
  return createHash('sha256').update(text).digest('hex');
}

function parametersOf(parameters: CheckStrategyInput['parameters']): UserAggregator {
  try {
    return userAggregator(parameters);
  } catch (error) {
    throw failure('InvalidSpec', (error as Error).message, error);
  }
}

async function launchOfAggregator(deps: Dependencies, worker: WorkerSpec): Promise<WorkerLaunch> {
  const launch = await launchOf(deps, worker);
  refusePlato(launch.image, 'Aggregation');
  const port = portOf(launch.ports);
  return {
    ...launch,
    ports: [port, ...launch.ports.filter(({ name }) => name !== port.name)],
    portVariables: { AGG_BIND_PORT: port.name },
    // Its clients are all on its own node.
    contract: { ...launch.contract, AGG_BIND_IP: '127.0.0.1' },
    restart: 'Never',
  };
}

function portOf(ports: WorkerLaunch['ports']): WorkerLaunch['ports'][number] {
  return (
    ports.find(({ containerPort }) => containerPort === aggregationPort) ?? {
      name: 'aggregation',
      containerPort: aggregationPort,
    }
  );
}

interface Playing {
  round: AggregateInput;
  worker: WorkerSpec;
  parameters: UserAggregator;
}

async function played(deps: Dependencies, playing: Playing, { scratch, signal }: Place): Promise<AggregateResult> {
  const { runtime, blobs, player } = deps;
  const { round, worker, parameters } = playing;
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const leave = runtime.watch(worker.name, (view) => {
    if (view?.state !== 'running') timer ??= setTimeout(() => over.abort(), lastWordsMs);
  });
  try {
    const address = addressOf(runtime.get(worker.name), parameters);
    const { timeoutSeconds } = parameters;
    const input = { blobUrl: blobs.url, round, address, timeoutSeconds, scratch };
    return await player.play(input, AbortSignal.any([signal, over.signal]));
  } catch (error) {
    signal.throwIfAborted();
    throw await named(deps, playing, error, over.signal.aborted);
  } finally {
    clearTimeout(timer);
    leave();
  }
}

/** That it ended says more than that its connection broke, or whoever spoke to it. */
async function named(deps: Dependencies, { worker }: Playing, error: unknown, hasEnded: boolean) {
  const reason =
    error instanceof ChildEnded ? 'AggregatorFailed' : error instanceof ChildError ? error.reason : undefined;
  const said = `${worker.name}: ${(error as Error).message}`;
  if (reason === 'AggregateInvalid') return failure(reason, said, error);
  if (reason === 'DtypeUnsupported') {
    return failure('InvalidSpec', `spec.aggregation.strategy: Worker: ${(error as Error).message}`, error);
  }
  if (reason !== 'AggregatorFailed' && !hasEnded) return error;
  const view = await endSeen(deps, worker.name);
  if (view !== undefined && view.state !== 'exited') return failure('AggregatorFailed', said, error);
  const ending = view?.problem?.message ?? `${worker.name}: ended with exit code 0`;
  return failure('AggregatorFailed', `the aggregator ended before it had answered: ${ending}`, error);
}

async function endSeen({ runtime }: Dependencies, name: string): Promise<WorkerView | undefined> {
  let leave = (): void => undefined;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, endSeenMs);
    leave = runtime.watch(name, (view) => {
      if (view?.state !== 'running') resolve();
    });
  });
  clearTimeout(timer);
  leave();
  return runtime.get(name);
}

function addressOf(view: WorkerView | undefined, { aggregation }: UserAggregator): Address {
  // It is the first of its ports.
  const port = Number(new URL(view?.endpoints[0]?.url ?? 'http://127.0.0.1:0').port);
  return { port, path: aggregation };
}

interface Telling extends Pick<AggregateInput, 'round' | 'listener'> {
  journal: AggregatorJournal;
}

/** The same again is said ever more rarely: each time is an event in the history of the job. */
async function tell(
  deps: Dependencies,
  { round, listener, journal }: Telling,
  error: ApplicationFailure,
): Promise<void> {
  const { message } = error;
  const reason = error.type ?? 'AggregatorFailed';
  const before = await journal.read();
  if (before?.told === reason && !isSaidAgain(Context.current().info.attempt)) return;
  await tellAggregation(deps, listener, { round, problem: { reason, message } });
  if (before !== undefined) await journal.write({ ...before, told: reason });
}
