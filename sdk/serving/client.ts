import type { Tensor } from '../tensor.ts';
import { answerBody, longestAnswer } from './answer-body.ts';
import { binaryOf, readBinaryTensor } from './codec/binary-tensor.ts';
import { typeOfWire, wireType } from './codec/element-types.ts';
import { decodeTensor } from './codec/json-tensor.ts';
import type { JsonTensor } from './codec/json-tensor.ts';
import type { Parameters } from './served-model.ts';

/** A server of the protocol answered with something else than outputs. */
export class InferenceClientError extends Error {
  override name = 'InferenceClientError';
  /** HTTP status; `undefined`: it could not be reached, or what it answered is not the protocol's. */
  readonly status: number | undefined;

  constructor(message: string, options: ErrorOptions & { status?: number } = {}) {
    super(message, options);
    this.status = options.status;
  }
}

export interface InferenceAnswer {
  model: string;
  version?: string;
  id?: string;
  parameters: Parameters;
  outputs: Record<string, Tensor>;
}

export interface InferRequest {
  model: string;
  feeds: Record<string, Tensor>;
  id?: string;
  parameters?: Parameters;
  signal?: AbortSignal;
}

const LENGTH_HEADER = 'inference-header-content-length';

/** Client of the Open Inference Protocol v2 over HTTP, tensors in binary both ways. `url`: base address of the server. */
export class InferenceClient {
  readonly #url: string;
  readonly #longestAnswer: number;

  /** `longestAnswer`: in bytes. Default: 256 MiB. */
  constructor(url: string, options: { longestAnswer?: number } = {}) {
    this.#url = url.replace(/\/+$/, '');
    this.#longestAnswer = options.longestAnswer ?? longestAnswer;
  }

  /** Rejects with {@link InferenceClientError}, or with the reason of the signal. */
  async infer({ model, feeds, id, parameters, signal }: InferRequest): Promise<InferenceAnswer> {
    const contents: Uint8Array[] = [];
    const inputs = Object.entries(feeds).map(([name, tensor]) => {
      const bytes = binaryOf(tensor);
      contents.push(bytes);
      const size = { binary_data_size: bytes.byteLength };
      return { name, shape: tensor.shape, datatype: wireType(tensor.datatype), parameters: size };
    });
    const head = Buffer.from(
      JSON.stringify({
        ...(id !== undefined && { id }),
        inputs,
        parameters: { ...parameters, binary_data_output: true },
      }),
    );
    const url = `${this.#url}/v2/models/${encodeURIComponent(model)}/infer`;
    const response = await send(url, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream', [LENGTH_HEADER]: String(head.byteLength) },
      body: Buffer.concat([head, ...contents]),
      redirect: 'error',
      signal: signal ?? null,
    });
    const bytes = await bodyOf(url, response, { signal, limit: this.#longestAnswer });
    if (response.status !== 200) {
      const said = errorOf(bytes.toString()).slice(0, 300);
      throw new InferenceClientError(`${url} answered ${response.status} ${said}`.trim(), { status: response.status });
    }
    try {
      return readAnswer(bytes, Number(response.headers.get(LENGTH_HEADER) ?? bytes.byteLength));
    } catch (error) {
      throw new InferenceClientError(`${url}: not an answer of the protocol: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}

async function send(url: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (error) {
    request.signal?.throwIfAborted();
    const { message } = ((error as Error).cause as Error | undefined) ?? (error as Error);
    throw new InferenceClientError(`${url} cannot be reached: ${message}`, { cause: error });
  }
}

async function bodyOf(
  url: string,
  response: Response,
  { signal, limit }: { signal: AbortSignal | undefined; limit: number },
): Promise<Buffer> {
  try {
    return await answerBody(response, limit);
  } catch (error) {
    signal?.throwIfAborted();
    throw new InferenceClientError(`${url}: ${(error as Error).message}`, { cause: error });
  }
}

interface WireAnswer {
  model_name: string;
  model_version?: string;
  id?: string;
  parameters?: Parameters;
  outputs: (JsonTensor & { parameters?: { binary_data_size?: number } })[];
}

function readAnswer(bytes: Buffer, headLength: number): InferenceAnswer {
  const answer = JSON.parse(bytes.subarray(0, headLength).toString()) as WireAnswer;
  const outputs: Record<string, Tensor> = {};
  let at = headLength;
  for (const output of answer.outputs) {
    const size = output.parameters?.binary_data_size;
    outputs[output.name] = size === undefined ? decodeTensor(output) : binary(output, bytes.subarray(at, at + size));
    at += size ?? 0;
  }
  const { model_name: model, model_version: version, id, parameters = {} } = answer;
  return { model, version, id, parameters, outputs };
}

function binary({ name, shape, datatype }: JsonTensor, bytes: Uint8Array): Tensor {
  const type = typeOfWire(datatype);
  if (type === undefined) throw new Error(`output "${name}" has the unknown datatype ${datatype}`);
  return readBinaryTensor({ name, shape, datatype: type }, bytes);
}

function errorOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'string' ? error : text;
  } catch {
    return text;
  }
}
