import './no-telemetry.ts';
import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { OnnxError, messageOf } from './errors.ts';
import { sizeOf } from './graph/shape.ts';
import { DataType } from './proto/types.ts';
import type { InputArray } from './samples.ts';

export type Session = ort.InferenceSession;
export type FloatTensor = ort.TypedTensor<'float32'>;

export interface SessionOptions {
  /** Threads within one operator. Default: what this process may use, container limits included. */
  threads?: number;
  /** In order of preference. Default: CPU. */
  providers?: readonly string[];
  /** Fail instead of running on the CPU what the providers cannot. Default false. */
  strict?: boolean;
  /** Called if the providers refuse the model, which then runs on the CPU. Left out: the refusal is thrown. */
  onFallback?: (reason: string) => void;
}

/** About the time between two parallel operators of a step. */
const SPIN_MICROSECONDS = '100';

// The runtime also prints what it throws; errors of ours carry its message already.
ort.env.logLevel = 'fatal';

/** Creates a native session. `origin` names the model in the error. The caller releases it. */
export async function openSession(bytes: Uint8Array, options: SessionOptions, origin = 'the model'): Promise<Session> {
  const { providers = ['cpu'], onFallback } = options;
  try {
    return await create(bytes, options);
  } catch (error) {
    const [first] = providers;
    if (onFallback && first !== 'cpu') {
      onFallback(`execution provider ${first} refuses ${origin} (${messageOf(error)}): it runs on the CPU`);
      return openSession(bytes, { ...options, providers: ['cpu'] }, origin);
    }
    throw new OnnxError('InvalidModel', `${origin} cannot be run: ${messageOf(error)}`, { cause: error });
  }
}

function create(
  bytes: Uint8Array,
  { threads = availableParallelism(), providers = ['cpu'], strict = false }: SessionOptions,
): Promise<Session> {
  return ort.InferenceSession.create(bytes, {
    executionProviders: [...providers],
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    interOpNumThreads: 1,
    intraOpNumThreads: threads,
    logSeverityLevel: 4,
    extra: {
      session: {
        // Momentum and Adam state of dead units decays into denormals, which a CPU multiplies some 100 times slower.
        set_denormal_as_zero: '1',
        // Idle threads spin for longer than a step takes by default, which halves the rate as soon as another process computes.
        intra_op: { spin_duration_us: SPIN_MICROSECONDS },
        disable_cpu_ep_fallback: strict && !providers.includes('cpu') ? '1' : '0',
      },
    },
  });
}

/** A tensor over `data` itself: what is written there later is what the next run sees. */
export function floatTensorOver(data: Float32Array, shape: readonly number[]): FloatTensor {
  return new ort.Tensor('float32', data, shape);
}

export type Tensor = ort.Tensor;

/** An input of zeros of the ONNX element type, and the array behind it. */
export function inputTensor(elemType: number, shape: readonly number[]): { data: InputArray; tensor: Tensor } {
  const size = sizeOf(shape);
  if (elemType === DataType.int64) {
    const data = new BigInt64Array(size);
    return { data, tensor: new ort.Tensor('int64', data, shape) };
  }
  if (elemType === DataType.int32) {
    const data = new Int32Array(size);
    return { data, tensor: new ort.Tensor('int32', data, shape) };
  }
  const data = new Float32Array(size);
  return { data, tensor: floatTensorOver(data, shape) };
}

export function int32Scalar(data: Int32Array): Tensor {
  return new ort.Tensor('int32', data, []);
}

export { ort };
