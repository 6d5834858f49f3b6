import type { Tensor, TensorInfo } from '../tensor.ts';

/** Value of a parameter in requests and responses: the protocol has these three types (`int64_param` is a whole number). */
export type Parameter = boolean | number | string;
export type Parameters = Readonly<Record<string, Parameter>>;

/** What a model may want to know of the request that it answers. */
export interface InferContext {
  /** The caller's `id`, if it gave one. */
  readonly id?: string;
  /** The request's `parameters`; empty where it has none. */
  readonly parameters: Parameters;
  /** Aborts when the caller has gone or its time is over: nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

export interface Inferred {
  /** Version that answered. */
  version: string;
  outputs: Record<string, Tensor>;
  /** Become the response's `parameters`. */
  parameters?: Parameters;
  timing?: InferTiming;
}

/** What an input takes. */
export interface ServedInput extends TensorInfo {
  /** Elements of type `string` are files (JPEG, PNG …): handed over as Uint8Array, base64 in JSON. Default: they are text. */
  readonly binary?: boolean;
  /** Taken as well, under the same name. */
  readonly or?: TensorInfo;
}

/** Microseconds of one request's way through its model, for statistics. */
export interface InferTiming {
  queueUs: number;
  inferUs: number;
  /** Rows that ran together. */
  batch: number;
  /** Runs of the model that are counted with this request: 1 for the first of a batch, 0 for the others. */
  executions: number;
}

/**
 * A model as a server sees it; whoever implements this is served over every protocol. The server calls `infer` with feeds that fit
 * `inputs` by name, type and shape. Rejections: an `InferenceError` is answered with its status and message, anything else with 500.
 */
export interface ServedModel {
  readonly name: string;
  readonly inputs: readonly ServedInput[];
  readonly outputs: readonly TensorInfo[];
  /** For people: `onnxruntime_onnx` unless told otherwise. */
  readonly platform?: string;
  /** Nothing looks at the feeds, and no output shares their memory, once `infer` has resolved: the server may use it again. Default: false. */
  readonly copiesFeeds?: boolean;
  /** `undefined` as long as it cannot answer. */
  version(): string | undefined;
  infer(feeds: Record<string, Tensor>, context?: InferContext): Promise<Inferred>;
  /** Why it cannot answer, in words for people; asked only while `version()` is undefined. */
  unavailable?(): string | undefined;
  /** Repository extension: makes it ready, again if it is; rejects with the reason where it cannot. Left out: it is refused. */
  load?(): Promise<void>;
  /** Repository extension: takes it out of service once its running requests have ended. Left out: it is refused. */
  unload?(): Promise<void>;
  /** Frees what it holds, when the server closes. */
  close?(): Promise<void>;
}

export interface FunctionModelOptions {
  name: string;
  inputs: readonly ServedInput[];
  outputs: readonly TensorInfo[];
  /** Default: '1'. */
  version?: string;
  /** Default: 'function'. */
  platform?: string;
  infer: (
    feeds: Record<string, Tensor>,
    context: InferContext,
  ) => Promise<{ outputs: Record<string, Tensor>; parameters?: Parameters; version?: string }>;
}

/** A function served as a model: always ready. Its `parameters` reach the caller beside the outputs. */
export function functionModel(options: FunctionModelOptions): ServedModel {
  const { name, inputs, outputs, version = '1', platform = 'function', infer } = options;
  return {
    name,
    inputs,
    outputs,
    platform,
    version: () => version,
    infer: async (feeds, context = contextOfNobody()) => ({ version, ...(await infer(feeds, context)) }),
  };
}

/** For calls that no server makes. */
function contextOfNobody(): InferContext {
  return { parameters: {}, signal: new AbortController().signal };
}
