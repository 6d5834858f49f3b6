import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { HardExampleMiner } from '../algorithms/hard-example-mining/index.ts';
import type { Estimator } from '../estimators/estimator.ts';
import { readWorkerConfig } from '../worker/config.ts';
import type { MiningMode, WorkerConfig } from '../worker/config.ts';
import { identity, sendReport } from '../worker/report.ts';
import type { ReportOptions } from '../worker/report.ts';
import { configuredMiner } from './configured-miner.ts';
import type { MinerChoice } from './configured-miner.ts';
import { InferenceStatistics } from './inference-statistics.ts';
import type { BigModel } from './joint-inference/big-model.ts';
import type { CircuitBreakerOptions, CircuitState } from './joint-inference/circuit-breaker.ts';
import { Cloud } from './joint-inference/cloud.ts';
import type { CloudAnswer } from './joint-inference/cloud.ts';
import type { DeferredAnswers } from './joint-inference/deferred/deferred-answers.ts';
import type { Learner } from './joint-inference/deferred/learning.ts';
import { jointResult } from './joint-inference/result.ts';
import type { JointResult, Parts } from './joint-inference/result.ts';
import { sednaBigModel } from './joint-inference/sedna-big-model.ts';
import { modelFile } from './model-files.ts';

export interface JointInferenceOptions<I, O> {
  /** The little model: needs predict, and load if `MODEL_URL` is set. */
  estimator: Estimator<unknown, I, O>;
  /** Default: the service at `BIG_MODEL_IP:BIG_MODEL_PORT`, by the original's REST interface. */
  bigModel?: BigModel<I, unknown>;
  /** Default: `HEM_NAME` and `HEM_PARAMETERS`; without them no sample is hard. */
  hardExampleMining?: MinerChoice;
  /** Default: `MINING_MODE`, else inference-then-mining. */
  mode?: MiningMode;
  /** Time from the call to its answer, in ms; the little model alone may exceed it. Default: 1000. */
  deadlineMs?: number;
  circuit?: CircuitBreakerOptions;
  /** Answers of the big model that take longer count against it, in ms. Default: `SEDNA_PATIENCE_MS`, else 500. */
  patienceMs?: number;
  /** Ask the big model a second time when it has not answered by then, in ms. Default: never. */
  hedgeAfterMs?: number;
  /** Final answers that come later. Default: a degraded answer is the last one. Closed with this. */
  deferred?: DeferredAnswers<I>;
  /**
   * Told of each hard example that has a final answer of the big model (or of a tier that is sure of it): before the answer is given, which
   * waits for it until its deadline at most, or with a deferred answer, then at least once.
   */
  onHardExample?: Learner<I>;
  /** Default: the environment of the process. */
  config?: WorkerConfig;
  report?: ReportOptions;
  /** Problems that do not end the worker. Default: standard error. */
  onProblem?: (problem: Error) => void;
}

export interface JointRequest<O> {
  postProcess?: (output: O) => unknown;
  /** Default: that of the worker. */
  deadlineMs?: number;
  /** Default: a new one. */
  requestId?: string;
  /** URL to tell the final answer to, should it come later. */
  callback?: string;
  /** The caller has gone: the call rejects with its reason. */
  signal?: AbortSignal;
}

/** Of the deadline, at most a tenth: left to write a request down that the cloud did not answer. */
const keepingMs = 50;
/** A day; timers of Node.js that are longer than 24.8 days end at once. */
const longestMs = 86_400_000;
const OWNER_KIND = 'jointinferenceservice';

/**
 * Edge worker of a JointInferenceService: the little model answers, hard examples get the answer of the big one. Where that does not
 * come in time the little model's answer is given, marked `degraded`; a cloud that does not answer costs nobody's time. A tier between
 * edge and cloud (`SEDNA_TIER`) is the same with a name of its own: its caller gives the deadline, and is told who answered.
 */
export class JointInference<I = unknown, O = unknown> {
  readonly config: WorkerConfig;
  readonly mode: MiningMode;
  readonly #estimator: Estimator<unknown, I, O>;
  readonly #isHard: HardExampleMiner;
  readonly #cloud: Cloud<I, unknown>;
  readonly #deadlineMs: number;
  readonly #statistics: InferenceStatistics;
  readonly #deferred: DeferredAnswers<I> | undefined;
  readonly #onHardExample: Learner<I> | undefined;
  readonly #onProblem: (problem: Error) => void;
  #loading: Promise<void> | undefined;

  constructor(options: JointInferenceOptions<I, O>) {
    this.#estimator = options.estimator;
    this.config = options.config ?? readWorkerConfig();
    this.mode = options.mode ?? this.config.miningMode;
    this.#isHard = miner(options.hardExampleMining, this.config, this.mode);
    const { circuit, hedgeAfterMs, deadlineMs = 1_000, patienceMs = this.config.patienceMs } = options;
    this.#cloud = new Cloud({
      bigModel: options.bigModel ?? bigModelOf(this.config),
      circuit,
      patienceMs,
      givesUpTogether: this.config.tier !== undefined,
      hedgeAfterMs,
    });
    this.#deadlineMs = deadlineMs;
    this.#deferred = options.deferred;
    this.#onProblem = options.onProblem ?? ((problem) => console.error(problem));
    this.#onHardExample = options.onHardExample;
    this.#statistics = new InferenceStatistics({
      periodSeconds: this.config.reportPeriodSeconds,
      send: (ownerInfo, last) =>
        sendReport(
          this.config.lcServer,
          { ...identity(this.config, OWNER_KIND), kind: 'inference', ownerInfo },
          { ...options.report, ...last },
        ),
      onProblem: this.#onProblem,
    });
  }

  /** Whether the big model is asked: `open` says that it did not answer lately. */
  get circuit(): CircuitState {
    return this.#cloud.circuit;
  }

  /** Loads the little model, once, and begins to report. The first call of `inference` does so too. */
  async start(): Promise<void> {
    this.#loading ??= this.#load();
    try {
      await this.#loading;
    } catch (error) {
      this.#loading = undefined; // the file may come later
      throw error;
    }
  }

  /**
   * Answers by the deadline. Rejects when the little model does not take the input or is busy, and when it fails and the big one has no
   * answer either.
   */
  async inference(input: I, request: JointRequest<O> = {}): Promise<JointResult<O>> {
    await this.start();
    const call = new Call(request, this.#deadlineMs, this.#deferred?.accepts ? keepingMs : 0);
    const joint =
      this.mode === 'mining-then-inference' ? await this.#mineFirst(input, call) : await this.#mineAfter(input, call);
    this.#statistics.count(joint.isHard);
    // Nobody has found it hard.
    if (joint.decision.reason === 'EdgeFailed') return joint;
    if (joint.cloudResult !== undefined && !joint.degraded) await this.#tell(input, joint.cloudResult, call);
    if (!joint.degraded || !this.#deferred?.accepts || joint.decision.reason === 'CloudRefused') return joint;
    const { requestId: id, result: provisional } = joint;
    const withinMs = call.millisecondsToDeadline();
    const deferral = await this.#deferred.keep({ id, input, provisional, callback: request.callback, withinMs });
    return { ...joint, deferral };
  }

  /** Reports what it counted, and no more then. Answers that are under way are still given. */
  async close(): Promise<void> {
    await Promise.all([this.#statistics.close(), this.#deferred?.close()]);
    await this.#cloud.close();
  }

  async #mineAfter(input: I, call: Call<O>): Promise<JointResult<O>> {
    const edge = await this.#edge(input, call);
    if ('failure' in edge) return this.#withoutEdge(input, call, edge.failure);
    const isHard = await this.#isHard(edge.result);
    if (!isHard) return this.#answer(call, { edge, isHard });
    return this.#answer(call, { edge, isHard, cloud: await this.#ask(input, call) });
  }

  async #mineFirst(input: I, call: Call<O>): Promise<JointResult<O>> {
    const isHard = await this.#isHard(input);
    const cloud = isHard ? await this.#ask(input, call) : undefined;
    if (cloud && !('reason' in cloud)) return this.#answer(call, { isHard, cloud });
    const edge = await this.#edge(input, call);
    if ('failure' in edge) throw edge.failure;
    return this.#answer(call, { edge, isHard, cloud });
  }

  /** The little model failed: better the big one's answer than none. What it refused, or has no time for, the caller is told. */
  async #withoutEdge(input: I, call: Call<O>, failure: Error): Promise<JointResult<O>> {
    if (!isBroken(failure)) throw failure;
    const cloud = await this.#ask(input, call);
    if ('reason' in cloud) throw failure;
    const joint = this.#answer(call, { isHard: true, cloud });
    return { ...joint, decision: { ...joint.decision, reason: 'EdgeFailed', message: failure.message } };
  }

  async #edge(input: I, { request }: Call<O>): Promise<Edge<O> | { failure: Error }> {
    const began = performance.now();
    try {
      const raw = await need(this.#estimator, 'predict')(input, { signal: request.signal });
      const milliseconds = performance.now() - began;
      return { raw, result: request.postProcess ? await request.postProcess(structuredClone(raw)) : raw, milliseconds };
    } catch (error) {
      request.signal?.throwIfAborted();
      return { failure: error as Error };
    }
  }

  /** Whoever has an answer that came at once may rely on it that the example is kept, unless the disk was too slow. */
  async #tell(input: I, answer: unknown, call: Call<O>): Promise<void> {
    if (!this.#onHardExample) return;
    const over = new AbortController();
    const late = delay(Math.max(1, call.millisecondsToDeadline()), undefined, { signal: over.signal, ref: false });
    const told = this.#onHardExample(input, answer, { again: false }).catch(this.#onProblem);
    await Promise.race([told, late.catch(() => undefined)]);
    over.abort();
  }

  #ask(input: I, call: Call<O>): Promise<CloudAnswer<unknown>> {
    return this.#cloud.ask(input, { withinMs: call.millisecondsLeft(), signal: call.request.signal });
  }

  #answer(call: Call<O>, parts: Omit<Parts<O>, 'requestId' | 'mode'>): JointResult<O> {
    return jointResult({ requestId: call.id, mode: this.mode, name: this.config.tier, ...parts });
  }

  async #load(): Promise<void> {
    if (this.config.modelUrl !== undefined) await need(this.#estimator, 'load')(await modelFile(this.config));
    this.#statistics.start();
    this.#deferred?.start(this.#cloud, this.#onHardExample);
  }
}

type Edge<O> = NonNullable<Parts<O>['edge']>;

/** One request on its way. */
class Call<O> {
  readonly request: JointRequest<O>;
  readonly id: string;
  readonly #endsAt: number;
  readonly #keptBackMs: number;

  constructor(request: JointRequest<O>, deadlineMs: number, keptBackMs: number) {
    const withinMs = Math.min(request.deadlineMs ?? deadlineMs, longestMs);
    this.request = request;
    this.id = request.requestId ?? randomUUID();
    this.#endsAt = performance.now() + withinMs;
    this.#keptBackMs = Math.min(keptBackMs, withinMs / 10);
  }

  millisecondsToDeadline(): number {
    return this.#endsAt - performance.now();
  }

  /** For the big model. */
  millisecondsLeft(): number {
    return this.millisecondsToDeadline() - this.#keptBackMs;
  }
}

function miner(given: MinerChoice | undefined, config: WorkerConfig, mode: MiningMode): HardExampleMiner {
  const found = configuredMiner(given, config);
  if (found) return found;
  if (mode === 'inference-then-mining') return () => false;
  throw new Error(`${mode} needs a hard example mining algorithm; name one (HEM_NAME)`);
}

function bigModelOf({ bigModel, ownerName }: WorkerConfig): BigModel {
  if (bigModel) return sednaBigModel({ ...bigModel, service: ownerName });
  throw new Error('BIG_MODEL_IP is not set, and no bigModel is given; it says where the big model is');
}

/** A model that is busy is well, and so is one that does not take an input. What has no status is no answer of a model, but a crash. */
function isBroken(failure: Error): boolean {
  const { statusCode } = failure as { statusCode?: unknown };
  return typeof statusCode !== 'number' || (statusCode >= 500 && statusCode !== 503);
}

function need<I, O, M extends 'predict' | 'load'>(estimator: Estimator<unknown, I, O>, method: M) {
  const found = estimator[method];
  if (!found) throw new Error(`the estimator has no ${method}(); joint inference needs it`);
  return found.bind(estimator) as NonNullable<Estimator<unknown, I, O>[M]>;
}
