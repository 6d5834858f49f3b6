import { type IsolatedModel, ModelQuarantined, openIsolatedModel, SessionCrashed } from '../isolated/isolated-model.ts';
import type { IsolatedOptions } from '../isolated/isolated-model.ts';
import { OnnxError } from '../../estimators/onnx/errors.ts';
import type { Tensor, TensorInfo } from '../../tensor.ts';
import { InferenceError } from '../errors.ts';
import type { InferContext, Inferred, ServedInput, ServedModel } from '../served-model.ts';
import { isBatchable } from './batch.ts';
import { RequestQueue, type BatchingOptions } from './request-queue.ts';
import { warmUp } from './warm-up.ts';

export interface ModelSource {
  /** Absolute path of an ONNX model. */
  file: string;
  /** Hexadecimal SHA-256 that the file must have. */
  sha256?: string;
  /** Default: the first 12 characters of its SHA-256. */
  version?: string;
}

export interface FileModelOptions extends ModelSource, Omit<IsolatedOptions, 'sha256' | 'onCrash'> {
  /** It is served under this name. */
  name: string;
  /** Requests that wait at most; more are refused with 503. Default: 256. */
  waiting?: number;
  /** Left out: each request runs alone, with the same bits as ONNX Runtime called directly. Batched rows may differ by rounding. */
  batching?: BatchingOptions;
  /** One run on zeros before it takes requests. Default: true. */
  warmUp?: boolean;
  /** Told of crashes. Default: standard error. */
  onProblem?: (problem: Error) => void;
}

/** Batches that one process is given at once: the next lies ready when it has answered one. */
const BATCHING_DEPTH = 2;

interface Loaded {
  model: IsolatedModel;
  queue: RequestQueue;
  version: string;
}

/**
 * A model file served from processes of its own, with a bounded queue. `load` swaps while in use: the new one is loaded and warmed up,
 * later requests go to it, the old one ends after its last request.
 */
export class FileModel implements ServedModel {
  readonly name: string;
  /** They go to another process. */
  readonly copiesFeeds = true;
  readonly #options: FileModelOptions;
  #source: ModelSource;
  #loaded: Loaded | undefined;
  #why = 'is not loaded yet';
  /** Loads and unloads, one at a time. */
  #changes: Promise<unknown> = Promise.resolve();
  /** Old ones that still have requests. */
  readonly #retiring = new Set<Promise<void>>();

  constructor(options: FileModelOptions) {
    this.name = options.name;
    this.#options = options;
    this.#source = options;
  }

  get inputs(): readonly ServedInput[] {
    return this.#loaded?.model.inputs ?? [];
  }

  get outputs(): readonly TensorInfo[] {
    return this.#loaded?.model.outputs ?? [];
  }

  version(): string | undefined {
    return this.#loaded?.model.quarantined === undefined ? this.#loaded?.version : undefined;
  }

  unavailable(): string {
    return this.#loaded?.model.quarantined ?? this.#why;
  }

  /** Its processes. */
  get pids(): number[] {
    return this.#loaded?.model.pids ?? [];
  }

  /**
   * Loads the file again, or another one from now on. A refusal leaves what is served as it is. Rejects with an `InferenceError` of
   * status 400 for a file that is no runnable model, 500 for one that crashes.
   */
  load(source: ModelSource = this.#source): Promise<void> {
    return this.#change(async () => {
      const loaded = await this.#open(source).catch((error: unknown) => {
        if (!this.#loaded) this.#why = `could not be loaded: ${(error as Error).message}`;
        throw asInferenceError(error, this.name);
      });
      this.#source = source;
      this.#replace(loaded);
    });
  }

  unload(): Promise<void> {
    return this.#change(async () => {
      this.#why = 'is unloaded';
      this.#replace(undefined);
      await Promise.all(this.#retiring);
    });
  }

  async infer(feeds: Record<string, Tensor>, context?: InferContext): Promise<Inferred> {
    const loaded = this.#loaded;
    if (!loaded || loaded.model.quarantined !== undefined) {
      throw new InferenceError(503, `model "${this.name}" ${this.unavailable()}`, {
        retryAfter: 1,
        reason: 'REJECTED',
      });
    }
    try {
      return { version: loaded.version, ...(await loaded.queue.run(feeds, context?.signal)) };
    } catch (error) {
      throw asInferenceError(error, this.name);
    }
  }

  /** Running requests are answered first. */
  async close(): Promise<void> {
    await this.unload();
  }

  async #open({ file, sha256, version }: ModelSource): Promise<Loaded> {
    const {
      waiting,
      batching,
      onProblem = (problem) => console.error(problem.message),
      warmUp: warm = true,
    } = this.#options;
    // What a process has cannot join a batch any more.
    const depth = this.#options.depth ?? (batching && BATCHING_DEPTH);
    const model = await openIsolatedModel(file, { ...this.#options, depth, sha256, onCrash: onProblem });
    try {
      if (warm) await warmUp(model);
    } catch (error) {
      await model.close();
      throw error;
    }
    const canBatch = isBatchable(model.inputs, model.outputs);
    const queue = new RequestQueue(model, { name: this.name, waiting, batching: canBatch ? batching : undefined });
    return { model, queue, version: version ?? model.sha256.slice(0, 12) };
  }

  #replace(next: Loaded | undefined): void {
    const previous = this.#loaded;
    this.#loaded = next;
    if (!previous) return;
    const retired = previous.queue.idle().then(() => previous.model.close());
    this.#retiring.add(retired);
    void retired.finally(() => this.#retiring.delete(retired));
  }

  #change(act: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(act);
    this.#changes = done.catch(() => undefined);
    return done;
  }
}

/** Loads a model; rejects where it is refused. */
export async function openFileModel(options: FileModelOptions): Promise<FileModel> {
  const model = new FileModel(options);
  await model.load();
  return model;
}

function asInferenceError(error: unknown, name: string): InferenceError {
  if (error instanceof InferenceError) return error;
  const message = `model "${name}": ${error instanceof Error ? error.message : String(error)}`;
  if (error instanceof ModelQuarantined) return new InferenceError(503, message, { cause: error, reason: 'REJECTED' });
  if (error instanceof SessionCrashed) return new InferenceError(500, message, { cause: error, reason: 'BACKEND' });
  const isGiven = error instanceof OnnxError && error.type !== 'RuntimeFailed';
  return new InferenceError(isGiven ? 400 : 500, message, { cause: error, reason: 'BACKEND' });
}
