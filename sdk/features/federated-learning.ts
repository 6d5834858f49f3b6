import path from 'node:path';
import { mkdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Estimator, Metrics, TrainOptions } from '../estimators/estimator.ts';
import { readWorkerConfig } from '../worker/config.ts';
import type { WorkerConfig } from '../worker/config.ts';
import { ProgressReporter } from '../worker/progress.ts';
import type { WorkerReport, WorkerResult } from '../worker/protocol.ts';
import { identity, sendReport } from '../worker/report.ts';
import type { ReportOptions } from '../worker/report.ts';
import type { CompletedTask, TaskResult, WorkerTask } from '../worker/task-protocol.ts';
import { TaskClient } from '../worker/tasks.ts';
import type { TaskClientOptions } from '../worker/tasks.ts';
import { kept, keep } from './federated/kept-answer.ts';
import { writeEncoded } from './federated/mist-net/encoded-set.ts';
import { beginWith, handOver } from './federated/weights.ts';
import { modelResult, modelTarget } from './model-files.ts';

export interface FederatedLearningOptions<S> {
  /** Needs train, getWeights and setWeights; without evaluate or save it does not judge, or keeps no model. */
  estimator: Estimator<S>;
  /** Default: the environment of the process. */
  config?: WorkerConfig;
  report?: ReportOptions;
  tasks?: TaskClientOptions;
  /** Problems that do not end the worker. Default: standard error. */
  onProblem?: (problem: Error) => void;
}

export interface FederatedTrainRequest {
  /** What the global weights are judged on. Default: the training data. */
  validation?: unknown;
  /** Weight of this worker's updates. Default: `count`, `size` or `length` of the data. */
  samples?: number;
  signal?: AbortSignal;
}

const OWNER_KIND = 'federatedlearningjob';
/** A task that is done sooner does not ask whether it is still wanted. */
const watchAfterMs = 1_000;
/** Between two rounds that people are told of. */
const tellEveryMs = 1_000;

/**
 * Training worker of a FederatedLearningJob. It stays between rounds: the local controller hands it one task after the other, and
 * tells it when there are no more.
 */
export class FederatedLearning<S = unknown> {
  readonly config: WorkerConfig;
  readonly #estimator: Estimator<S>;
  readonly #tasks: TaskClient;
  readonly #reportOptions: ReportOptions | undefined;
  readonly #onProblem: (problem: Error) => void;

  constructor(options: FederatedLearningOptions<S>) {
    this.#estimator = options.estimator;
    this.config = options.config ?? readWorkerConfig();
    this.#tasks = new TaskClient(this.config.lcServer, this.config.workerName, options.tasks);
    this.#reportOptions = options.report;
    this.#onProblem = options.onProblem ?? ((problem) => console.error(problem));
  }

  /**
   * Takes part in rounds until the job ends, then saves the final global model to `MODEL_URL` and reports it. A task that fails is answered with
   * its message, and the next one is waited for. Throws `TaskError` when the local controller stays away for a minute.
   */
  async train(data: S, request: FederatedTrainRequest = {}): Promise<WorkerResult | undefined> {
    const samples = request.samples ?? countOf(data);
    for (;;) {
      const task = await this.#tasks.next(request.signal);
      if (task.kind === 'end') return this.#end(task);
      const result = await this.#answerOf(task, data, { ...request, samples });
      if (result === undefined) continue;
      await this.#tasks.answer(task.id, result, request.signal);
      if (result.status === 'completed') this.#tellRound(task, result);
    }
  }

  /** `undefined`: nobody wants the answer any more. */
  async #answerOf(task: WorkerTask, data: S, request: ClientRequest): Promise<TaskResult | undefined> {
    const done = await kept(task);
    if (done !== undefined) return done;
    const obsolete = new AbortController();
    const signal = request.signal ? AbortSignal.any([request.signal, obsolete.signal]) : obsolete.signal;
    const over = new AbortController();
    this.#obsolete(task.id, AbortSignal.any([signal, over.signal]))
      .then(() => obsolete.abort())
      .catch(() => undefined);
    try {
      const result = await this.#perform(task, data, { ...request, signal });
      await keep(task, result);
      return result;
    } catch (error) {
      request.signal?.throwIfAborted();
      if (obsolete.signal.aborted) return undefined;
      this.#onProblem(error as Error);
      return { status: 'failed', message: messageOf(error as Error) };
    } finally {
      over.abort();
    }
  }

  /** Resolves when nobody wants the answer any more. */
  async #obsolete(id: string, signal: AbortSignal): Promise<void> {
    await delay(watchAfterMs, undefined, { signal });
    await this.#tasks.obsolete(id, signal);
  }

  async #perform(task: WorkerTask, data: S, request: ClientRequest): Promise<CompletedTask> {
    const { output, excludeLayers } = task;
    if (output === undefined) throw new Error(`task ${task.id} says nowhere to put its answer`);
    const { samples } = request;
    const handedOver = async () => handOver({ output, excludeLayers }, await this.#need('getWeights')());
    if (task.kind === 'weights') {
      return { status: 'completed', file: await handedOver(), samples, metrics: {}, evaluation: undefined };
    }
    await this.#begin(task);
    if (task.kind === 'encode') return this.#encode(task, data, request);
    // Every job asks for it where it says nothing else: who cannot judge still takes part.
    const judged = task.evaluate ? await this.#estimator.evaluate?.((request.validation ?? data) as S) : undefined;
    const metrics = await this.#fit(task, data, request);
    return {
      status: 'completed',
      file: await handedOver(),
      samples,
      metrics: lastValues(metrics),
      evaluation: judged && lastValues(judged),
    };
  }

  /** The features themselves never leave this process. */
  async #encode({ encoding, output = '' }: WorkerTask, data: S, { samples }: ClientRequest): Promise<CompletedTask> {
    if (encoding === undefined) throw new Error('the task does not say how features are encoded');
    const { layer, ...code } = encoding;
    const { path: file } = await writeEncoded(output, await this.#need('features')(data, layer), code);
    return { status: 'completed', file, samples, metrics: {}, evaluation: undefined };
  }

  async #begin(task: WorkerTask): Promise<void> {
    const own = await this.#need('getWeights')();
    await this.#need('setWeights')(await beginWith(task, own));
  }

  async #fit(task: WorkerTask, data: S, { validation, signal }: ClientRequest): Promise<Metrics> {
    const progress = new ProgressReporter(this.config.lcServer, this.config.workerName);
    const { settings, seed, checkpoint } = task;
    const options: TrainOptions = {
      validation,
      settings,
      seed,
      checkpoint,
      signal,
      onProgress: (step) => progress.report({ ...step, message: step.message ?? `round ${task.round}`, checkpoint }),
    };
    const metrics = await this.#need('train')(data, options);
    await progress.flush();
    return metrics;
  }

  async #end(task: WorkerTask): Promise<WorkerResult | undefined> {
    const result = task.weights === undefined ? undefined : await this.#save(task);
    await this.#send({ kind: 'train', status: 'completed', results: result ? [result] : [] });
    return result;
  }

  /** The global model, in this node's own file. Without `MODEL_URL` nobody wants it. */
  async #save(task: WorkerTask): Promise<WorkerResult | undefined> {
    if (this.config.modelUrl === undefined || this.#estimator.save === undefined) return undefined;
    await this.#begin(task);
    const file = await modelTarget(this.config);
    await mkdir(path.dirname(file), { recursive: true });
    await this.#estimator.save(file);
    return modelResult(file, null, this.config);
  }

  /** For people who watch: of short rounds only some. Losing one costs nothing, so training does not wait for it. */
  #tellRound({ round }: WorkerTask, { samples, metrics }: CompletedTask): void {
    if (performance.now() < this.#toldAt + tellEveryMs) return;
    this.#toldAt = performance.now();
    const updateTime = new Date().toISOString();
    const ownerInfo = { currentRound: round, sampleCount: samples, startTime: this.#startTime, updateTime, ...metrics };
    this.#send({ kind: 'train', status: 'running', ownerInfo }).catch(this.#onProblem);
  }

  readonly #startTime = new Date().toISOString();
  #toldAt = -Infinity;

  #need<M extends keyof Estimator<S>>(method: M): NonNullable<Estimator<S>[M]> {
    const found = this.#estimator[method];
    if (!found) throw new Error(`the estimator has no ${method}(); federated learning needs it`);
    return found.bind(this.#estimator) as NonNullable<Estimator<S>[M]>;
  }

  #send(report: Pick<WorkerReport, 'kind' | 'status' | 'results' | 'ownerInfo' | 'message'>): Promise<void> {
    return sendReport(this.config.lcServer, { ...identity(this.config, OWNER_KIND), ...report }, this.#reportOptions);
  }
}

type ClientRequest = FederatedTrainRequest & { samples: number };

function countOf(data: unknown): number {
  const { count, size, length } = (data ?? {}) as Record<string, unknown>;
  const found = [count, size, length].find((value) => typeof value === 'number');
  if (typeof found === 'number') return found;
  throw new Error(
    'samples: the data has no count, size or length; say how many samples it holds: train(data, { samples })',
  );
}

function lastValues(metrics: Metrics): Record<string, number> {
  const entries = Object.entries(metrics).map(([name, values]) => [name, values.at(-1)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Record<string, number>;
}

/** Refusals of this SDK have a type, which docs/errors.md explains; it leads the message. */
function messageOf(error: Error & { type?: unknown }): string {
  return typeof error.type === 'string' ? `${error.type}: ${error.message}` : error.message;
}
