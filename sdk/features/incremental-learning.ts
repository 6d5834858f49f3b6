import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { HardExampleMiner } from '../algorithms/hard-example-mining/index.ts';
import type { Estimator, Metrics } from '../estimators/estimator.ts';
import { readWorkerConfig } from '../worker/config.ts';
import type { WorkerConfig } from '../worker/config.ts';
import { ProgressReporter } from '../worker/progress.ts';
import type { WorkerReport, WorkerResult } from '../worker/protocol.ts';
import { ReportError, identity, sendReport } from '../worker/report.ts';
import type { ReportOptions } from '../worker/report.ts';
import { configuredMiner } from './configured-miner.ts';
import type { MinerChoice } from './configured-miner.ts';
import { announcedModel, HotUpdate } from './hot-update.ts';
import { InferenceStatistics } from './inference-statistics.ts';
import { existingModelFile, modelFile, modelResult } from './model-files.ts';

export interface IncrementalLearningOptions<S, I, O> {
  estimator: Estimator<S, I, O>;
  /** Default: `HEM_NAME` and `HEM_PARAMETERS`, else IBT. */
  hardExampleMining?: MinerChoice;
  /** Default: the environment of the process. */
  config?: WorkerConfig;
  report?: ReportOptions;
  /** Problems that do not end the worker. Default: standard error. */
  onProblem?: (problem: Error) => void;
}

export interface TrainRequest<S, I, O> {
  validation?: unknown;
  /** Called with the trained estimator before it is reported. */
  postProcess?: (estimator: Estimator<S, I, O>) => unknown;
  signal?: AbortSignal;
}

export interface InferenceResult<O> {
  /** What the model said. */
  edgeResult: O;
  /** The same after post-processing. */
  result: unknown;
  isHard: boolean;
}

const OWNER_KIND = 'incrementallearningjob';

/** Train, evaluation and inference worker of an IncrementalLearningJob. One object serves one of the three roles. */
export class IncrementalLearning<S = unknown, I = unknown, O = unknown> {
  readonly config: WorkerConfig;
  private readonly estimator: Estimator<S, I, O>;
  private readonly isHard: HardExampleMiner;
  private readonly reportOptions: ReportOptions | undefined;
  private readonly onProblem: (problem: Error) => void;
  private loading: Promise<void> | undefined;
  private hotUpdate: HotUpdate | undefined;
  private readonly statistics: InferenceStatistics;

  constructor(options: IncrementalLearningOptions<S, I, O>) {
    this.estimator = options.estimator;
    this.config = options.config ?? readWorkerConfig();
    this.isHard = configuredMiner(options.hardExampleMining, this.config, 'IBT');
    this.reportOptions = options.report;
    this.onProblem = options.onProblem ?? ((problem) => console.error(problem));
    this.statistics = new InferenceStatistics({
      periodSeconds: this.config.reportPeriodSeconds,
      send: (ownerInfo, last) => this.send({ kind: 'inference', ownerInfo }, last),
      onProblem: this.onProblem,
    });
  }

  /**
   * Fits the estimator, from `BASE_MODEL_URL` if set, saves it to `MODEL_URL` and reports it with its metrics. A worker that was
   * killed resumes from the checkpoint in `MODEL_URL`. Failures are reported, then thrown.
   */
  async train(samples: S, request: TrainRequest<S, I, O> = {}): Promise<WorkerResult> {
    return this.reportingFailure('train', async () => {
      const file = await modelFile(this.config);
      await mkdir(path.dirname(file), { recursive: true });
      await this.loadBase();
      const metrics = await this.fit(samples, file, request);
      await this.need('save')(file);
      await request.postProcess?.(this.estimator);
      const result = modelResult(file, metrics, this.config);
      await this.send({ kind: 'train', status: 'completed', results: [result] });
      return result;
    });
  }

  /**
   * Judges every model of `MODEL_URLS` in order (the new one first, the deployed one second), else the one of `MODEL_URL`, and reports
   * all of them. A model that cannot be loaded fails the evaluation and is named.
   */
  async evaluate(
    samples: S,
    { postProcess }: { postProcess?: (metrics: Metrics) => Metrics | Promise<Metrics> } = {},
  ): Promise<WorkerResult[]> {
    return this.reportingFailure('eval', async () => {
      const { modelUrls } = this.config;
      const urls = modelUrls.length > 0 ? modelUrls : [await modelFile(this.config)];
      const results: WorkerResult[] = [];
      for (const url of urls) {
        const file = await existingModelFile(url, this.config);
        await this.load(file);
        const metrics = await this.need('evaluate')(samples);
        results.push(modelResult(file, (await postProcess?.(metrics)) ?? metrics, this.config));
      }
      await this.send({ kind: 'eval', status: 'completed', results });
      return results;
    });
  }

  /** Runs the deployed model on one input; the first call loads it and starts hot updates if the job wants them. */
  async inference(
    input: I,
    { postProcess }: { postProcess?: (output: O) => unknown } = {},
  ): Promise<InferenceResult<O>> {
    await this.start();
    const edgeResult = await this.need('predict')(input);
    const result = postProcess ? await postProcess(structuredClone(edgeResult)) : edgeResult;
    const isHard = await this.isHard(result);
    this.statistics.count(isHard);
    return { edgeResult, result, isHard };
  }

  /** Loads the deployed model once and begins to watch for new versions. */
  async start(): Promise<void> {
    this.loading ??= this.loadDeployed();
    try {
      await this.loading;
    } catch (error) {
      this.loading = undefined; // the file may come later
      throw error;
    }
  }

  /** Stops watching for new versions, and reports what was counted. */
  async close(): Promise<void> {
    await Promise.all([this.statistics.close(), this.hotUpdate?.close()]);
    this.hotUpdate = undefined;
  }

  // A worker that is started again while a newer model is being put in place goes on with the one that it served before: the file
  // of MODEL_URL is replaced first, and announced only then.
  private async loadDeployed(): Promise<void> {
    const announced = await this.loadAnnounced();
    if (announced === undefined) await this.load(await modelFile(this.config));
    this.statistics.start();
    if (!this.config.hotUpdate) return;
    this.hotUpdate ??= new HotUpdate({
      ...this.config.hotUpdate,
      apply: (file, version) => this.swap(file, version === announced),
      onProblem: this.onProblem,
    }).start();
  }

  /** Version of the announced model, if there is one and it can be loaded. */
  private async loadAnnounced(): Promise<string | undefined> {
    if (!this.config.hotUpdate) return undefined;
    try {
      const announced = await announcedModel(this.config.hotUpdate.configFile);
      if (announced !== undefined) await this.load(announced.path);
      return announced?.version;
    } catch (error) {
      this.onProblem(error as Error);
      return undefined;
    }
  }

  // The estimator keeps its present model when a load fails, so inference goes on either way.
  private async swap(file: string, loaded: boolean): Promise<void> {
    let problem: Error | undefined;
    try {
      if (!loaded) await this.load(file);
    } catch (error) {
      problem = error as Error;
      this.onProblem(problem);
    }
    // Named, so that a report about an earlier model is not taken for one about this.
    const results = [modelResult(file, {}, this.config)];
    await this.send({ kind: 'deploy', results, ...(problem ? failure(problem) : { status: 'completed' as const }) });
  }

  private async loadBase(): Promise<void> {
    const url = this.config.baseModelUrl;
    if (url !== undefined) await this.load(await existingModelFile(url, this.config));
  }

  private async load(file: string): Promise<void> {
    const load = this.need('load');
    try {
      await load(file);
    } catch (error) {
      throw new Error(`model ${file} cannot be loaded: ${(error as Error).message}`, { cause: error });
    }
  }

  private async fit(samples: S, file: string, { validation, signal }: TrainRequest<S, I, O>): Promise<Metrics> {
    const checkpoint = path.join(path.dirname(file), `.${path.basename(file)}.checkpoint`);
    const progress = new ProgressReporter(this.config.lcServer, this.config.workerName);
    const metrics = await this.need('train')(samples, {
      validation,
      checkpoint,
      signal,
      onProgress: (step) => progress.report({ ...step, checkpoint }),
    });
    await progress.flush();
    return metrics;
  }

  private need<M extends keyof Estimator<S, I, O>>(method: M): NonNullable<Estimator<S, I, O>[M]> {
    const found = this.estimator[method];
    if (!found) throw new Error(`the estimator has no ${method}(); incremental learning needs it for this worker`);
    return found.bind(this.estimator) as NonNullable<Estimator<S, I, O>[M]>;
  }

  private async reportingFailure<T>(kind: 'train' | 'eval', work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      // The first error is the one that matters, also when nobody takes the report.
      if (!(error instanceof ReportError)) await this.send({ kind, ...failure(error as Error) }).catch(this.onProblem);
      throw error;
    }
  }

  private send(
    report: Pick<WorkerReport, 'kind' | 'status' | 'results' | 'ownerInfo' | 'message'>,
    options?: ReportOptions,
  ): Promise<void> {
    const all = { ...identity(this.config, OWNER_KIND), ...report };
    return sendReport(this.config.lcServer, all, { ...this.reportOptions, ...options });
  }
}

/** Refusals of this SDK have a type, which docs/errors.md explains; it leads the message. */
const failure = (error: Error & { type?: unknown }) => ({
  status: 'failed' as const,
  message: typeof error.type === 'string' ? `${error.type}: ${error.message}` : error.message,
});
