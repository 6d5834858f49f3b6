import { openRegularFile } from '../../storage/regular-file.ts';
import type { Tensor, TensorInfo, TensorType } from '../../tensor.ts';
import { OnnxError, messageOf } from './errors.ts';
import { decodeModel } from './proto/codec.ts';
import { openSession, ort } from './runtime.ts';
import type { Session, SessionOptions } from './runtime.ts';

/** Values of one input or output, in the array that ONNX Runtime keeps for their type. */
export interface OnnxTensor extends Tensor {
  data: ort.Tensor['data'];
}

/**
 * A model loaded for inference. `run` blocks the event loop for as long as the native call lasts:
 * servers that must answer meanwhile keep it in a worker thread or a child process.
 */
export class OnnxModel {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #session: Session;
  #closed = false;
  /** Runs under way; the native session must outlive them. */
  readonly #running = new Set<Promise<unknown>>();

  private constructor(session: Session) {
    this.#session = session;
    this.inputs = session.inputMetadata.map(describe);
    this.outputs = session.outputMetadata.map(describe);
  }

  /** Loads a file or bytes. Refuses, with the file's name or `origin`, what is not a runnable ONNX model. */
  static async open(
    source: string | Uint8Array,
    options: SessionOptions = {},
    origin = typeof source === 'string' ? source : 'the model',
  ): Promise<OnnxModel> {
    const bytes = await readModelBytes(source);
    decodeModel(bytes, origin);
    return new OnnxModel(await openSession(bytes, options, origin));
  }

  /** Runs the model on one tensor per input and gives one per output. Refuses missing, unknown and misshapen inputs by name. */
  async run(feeds: Record<string, OnnxTensor>): Promise<Record<string, OnnxTensor>> {
    if (this.#closed) throw new OnnxError('InvalidInput', 'the model is closed');
    for (const name of Object.keys(feeds)) {
      if (!this.inputs.some((input) => input.name === name)) throw badInput(name, 'the model has no such input');
    }
    const tensors = Object.fromEntries(this.inputs.map((info) => [info.name, toTensor(info, feeds[info.name])]));
    let results: ort.InferenceSession.ReturnType;
    try {
      results = await this.#track(this.#session.run(tensors));
    } catch (error) {
      throw new OnnxError('RuntimeFailed', `inference failed: ${messageOf(error)}`, { cause: error });
    }
    return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, fromTensor(value)]));
  }

  /** Frees the native memory once the runs under way have ended. Closing twice is allowed. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled(this.#running);
    await this.#session.release();
  }

  async #track<T>(run: Promise<T>): Promise<T> {
    this.#running.add(run);
    try {
      return await run;
    } finally {
      this.#running.delete(run);
    }
  }
}

/** Bytes of a model given as path or bytes; a file that cannot be read is refused by name. */
export async function readModelBytes(source: string | Uint8Array): Promise<Uint8Array> {
  if (typeof source !== 'string') return source;
  try {
    const file = await openRegularFile(source);
    try {
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new OnnxError('InvalidModel', `${source} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function describe(metadata: ort.InferenceSession.ValueMetadata): TensorInfo {
  if (!metadata.isTensor)
    throw new OnnxError('InvalidModel', `"${metadata.name}" is not a tensor; only tensors are served`);
  // A dimension without a name is reported as an empty string.
  const shape = metadata.shape.map((dim, i) => (dim === '' ? `dim${i}` : dim));
  return { name: metadata.name, datatype: metadata.type as TensorType, shape };
}

function toTensor(info: TensorInfo, given: OnnxTensor | undefined): ort.Tensor {
  if (!given) throw badInput(info.name, `missing; expected ${info.datatype} of shape [${info.shape.join(', ')}]`);
  if (given.datatype !== info.datatype) {
    throw badInput(info.name, `datatype is ${given.datatype}, the model takes ${info.datatype}`);
  }
  const fits =
    given.shape.length === info.shape.length &&
    info.shape.every((dim, i) => typeof dim === 'string' || dim === given.shape[i]);
  if (!fits)
    throw badInput(info.name, `shape is [${given.shape.join(', ')}], the model takes [${info.shape.join(', ')}]`);
  try {
    if (given.datatype === 'float16') return halfTensor(given);
    return new ort.Tensor(given.datatype as 'float32', given.data as Float32Array, given.shape);
  } catch (error) {
    throw new OnnxError('InvalidInput', `input "${info.name}": ${messageOf(error)}`, { cause: error });
  }
}

/**
 * The class makes a Float16Array of the bits, which the native side of this version does not know: it takes the bits, as long as the
 * tensor is called by its right type.
 */
function halfTensor({ data, shape }: OnnxTensor): ort.Tensor {
  const { buffer, byteOffset, length } = data as Uint16Array;
  const tensor = new ort.Tensor('uint16', new Uint16Array(buffer, byteOffset, length), shape);
  return Object.defineProperty(tensor, 'type', { value: 'float16' });
}

function fromTensor(tensor: ort.Tensor): OnnxTensor {
  return { datatype: tensor.type as TensorType, shape: [...tensor.dims], data: tensor.data };
}

function badInput(name: string, reason: string): OnnxError {
  return new OnnxError('InvalidInput', `input "${name}": ${reason}`);
}
