import type { Tensor } from '../tensor.ts';
import { inferenceError, InferenceError } from './errors.ts';
import { Statistics } from './metrics/model-statistics.ts';
import type { InferContext, Inferred, Parameters, ServedInput, ServedModel } from './served-model.ts';

export interface ServiceOptions {
  models: readonly ServedModel[];
  /** Limit for one request from its last byte to its answer, in ms. Default: 30 000. */
  inferMs?: number;
}

/** A request as the models see it, whatever protocol it came by. */
export interface InferCall {
  id?: string;
  parameters: Parameters;
  feeds: Record<string, Tensor>;
  /** Outputs wanted, in order; `undefined`: all. */
  outputs?: readonly { name: string }[];
}

/** How a protocol reads requests and writes answers. */
export interface Codec<Call extends InferCall, Answer> {
  read: (inputs: readonly ServedInput[]) => Call;
  write: (model: string, call: Call, inferred: Inferred) => Answer;
}

export interface ModelIndexEntry {
  name: string;
  version: string;
  state: 'READY' | 'UNAVAILABLE';
  reason: string;
}

/** Loads and unloads of a model that callers may wait for: each load starts a process. */
const MAX_CHANGES = 4;

/** The one way of every request, for all protocols: find the model, read, infer within a bound, write, count. */
export class InferenceService {
  readonly statistics = new Statistics();
  /** No new requests are taken any more. */
  draining = false;
  readonly #models: ReadonlyMap<string, ServedModel>;
  readonly #inferMs: number;
  /** Loads and unloads under way, by model. */
  readonly #changes = new Map<string, number>();

  constructor({ models, inferMs = 30_000 }: ServiceOptions) {
    this.#models = new Map(models.map((model) => [model.name, model]));
    if (this.#models.size !== models.length) throw new Error('two models have the same name');
    this.#inferMs = inferMs;
  }

  get models(): ServedModel[] {
    return [...this.#models.values()];
  }

  /** All models answer. */
  get ready(): boolean {
    return !this.draining && this.models.every((model) => model.version() !== undefined);
  }

  /** Refuses with 404 a name or version that is not there. */
  find(name: string, version?: string): ServedModel {
    const model = this.#models.get(name);
    if (!model) {
      const served = [...this.#models.keys()].join(', ');
      throw new InferenceError(404, `model "${name}" is not served here; served: ${served}`);
    }
    if (version !== undefined && version !== '' && version !== model.version()) {
      throw new InferenceError(404, `model "${name}" has no version "${version}"; it has ${model.version() ?? 'none'}`);
    }
    return model;
  }

  /** @param gone is aborted by the caller of this when nobody waits any more; this aborts it when the time is over. */
  async infer<Call extends InferCall, Answer>(
    target: { model: string; version?: string },
    codec: Codec<Call, Answer>,
    gone: AbortController,
  ): Promise<Answer> {
    if (this.draining) throw new InferenceError(503, 'the server is closing', { retryAfter: 1, reason: 'REJECTED' });
    const model = this.find(target.model, target.version);
    const began = performance.now();
    this.statistics.begin(model.name);
    try {
      if (model.version() === undefined) throw unavailable(model);
      const call = codec.read(model.inputs);
      checkOutputs(model, call);
      const read = performance.now();
      const inferred = await this.#bounded(model, call, gone);
      const answered = performance.now();
      const answer = codec.write(model.name, call, inferred);
      const now = performance.now();
      const inferUs = (answered - read) * 1_000;
      const timing = inferred.timing ?? { queueUs: 0, inferUs, batch: rowsOf(call.feeds), executions: 1 };
      const more = {
        totalUs: (now - began) * 1_000,
        inputUs: (read - began) * 1_000,
        outputUs: (now - answered) * 1_000,
      };
      this.statistics.of(model.name, inferred.version).succeeded({ ...timing, ...more }, rowsOf(call.feeds));
      return answer;
    } catch (thrown) {
      const error = inferenceError(thrown);
      const us = (performance.now() - began) * 1_000;
      this.statistics.of(model.name, model.version() ?? '').failed(error.reason, us);
      throw error;
    } finally {
      this.statistics.end(model.name);
    }
  }

  /** Makes a model ready, again if it is. */
  async load(name: string): Promise<void> {
    const model = this.find(name);
    if (!model.load) throw new InferenceError(400, `model "${name}" cannot be loaded: that is not offered here`);
    await this.#change(name, () => model.load?.());
  }

  /** Takes a model out of service once its running requests have ended. */
  async unload(name: string): Promise<void> {
    const model = this.find(name);
    if (!model.unload) throw new InferenceError(400, `model "${name}" cannot be unloaded: that is not offered here`);
    await this.#change(name, () => model.unload?.());
  }

  async #change(name: string, change: () => Promise<void> | undefined): Promise<void> {
    const underWay = this.#changes.get(name) ?? 0;
    if (underWay >= MAX_CHANGES) {
      const problem = `model "${name}" is being loaded or unloaded: ${underWay} wait already`;
      throw new InferenceError(503, problem, { retryAfter: 1, reason: 'REJECTED' });
    }
    this.#changes.set(name, underWay + 1);
    try {
      await change();
    } finally {
      this.#changes.set(name, (this.#changes.get(name) ?? 1) - 1);
    }
  }

  index(readyOnly: boolean): ModelIndexEntry[] {
    return this.models.map(indexEntry).filter(({ state }) => !readyOnly || state === 'READY');
  }

  #bounded(model: ServedModel, { id, parameters, feeds }: InferCall, gone: AbortController): Promise<Inferred> {
    const { signal } = gone;
    const context: InferContext = { id, parameters, signal };
    const ms = Math.min(this.#inferMs, wishedMs(parameters));
    return new Promise((resolve, reject) => {
      const late = () =>
        gone.abort(
          new InferenceError(504, `model "${model.name}" has not answered within ${ms} ms`, { reason: 'CANCELED' }),
        );
      const timer = setTimeout(late, ms);
      const giveUp = () => {
        clearTimeout(timer);
        reject(inferenceError(signal.reason));
      };
      signal.addEventListener('abort', giveUp, { once: true });
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
      };
      model.infer(feeds, context).then(
        (inferred) => (end(), resolve(inferred)),
        (error: unknown) => (end(), reject(inferenceError(error))),
      );
    });
  }
}

/** The parameter `timeout` of Triton's clients, in microseconds. */
function wishedMs({ timeout }: Parameters): number {
  return typeof timeout === 'number' && timeout > 0 ? Math.ceil(timeout / 1_000) : Infinity;
}

export function unavailable(model: ServedModel): InferenceError {
  const why = model.unavailable?.() ?? 'is not loaded yet';
  return new InferenceError(503, `model "${model.name}" ${why}`, { retryAfter: 1, reason: 'REJECTED' });
}

function indexEntry(model: ServedModel): ModelIndexEntry {
  const version = model.version();
  if (version !== undefined) return { name: model.name, version, state: 'READY', reason: '' };
  return { name: model.name, version: '', state: 'UNAVAILABLE', reason: model.unavailable?.() ?? 'is not loaded yet' };
}

/** Before the model runs for nothing. */
function checkOutputs(model: ServedModel, { outputs = [] }: InferCall): void {
  const unknown = outputs.find(({ name }) => !model.outputs.some((known) => known.name === name));
  if (!unknown) return;
  const known = model.outputs.map(({ name }) => name).join(', ');
  throw new InferenceError(400, `output "${unknown.name}" does not exist; outputs: ${known}`);
}

/** Rows of a request: the first dimension of its first input. */
function rowsOf(feeds: Record<string, Tensor>): number {
  for (const name in feeds) return feeds[name]?.shape[0] ?? 1;
  return 1;
}
