import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { OnnxError, messageOf } from './errors.ts';

export type Session = ort.InferenceSession;
export type FloatTensor = ort.TypedTensor<'float32'>;

export interface SessionOptions {
  /** Threads within one operator. Default: what this process may use, container limits included. */
  threads?: number;
  /** In order of preference. Default: CPU. */
  providers?: readonly string[];
  /** Fail instead of running on the CPU what the providers cannot. Default false. */
  strict?: boolean;
}

/** About the time between two parallel operators of a step. */
const SPIN_MICROSECONDS = '100';

// The runtime also prints what it throws; errors of ours carry its message already.
ort.env.logLevel = 'fatal';

/** Creates a native session. `origin` names the model in the error. The caller releases it. */
export async function openSession(
  bytes: Uint8Array,
  { threads = availableParallelism(), providers = ['cpu'], strict = false }: SessionOptions,
  origin = 'the model',
): Promise<Session> {
  try {
    return await ort.InferenceSession.create(bytes, {
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
  } catch (error) {
    throw new OnnxError('InvalidModel', `${origin} cannot be run: ${messageOf(error)}`, { cause: error });
  }
}

/** A tensor over `data` itself: what is written there later is what the next run sees. */
export function floatTensorOver(data: Float32Array, shape: readonly number[]): FloatTensor {
  return new ort.Tensor('float32', data, shape);
}

export { ort };
