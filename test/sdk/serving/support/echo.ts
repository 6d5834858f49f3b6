import { functionModel } from '../../../../sdk/index.ts';
import type { ServedModel, TensorInfo, TensorType } from '../../../../sdk/index.ts';

/** Gives back what it got: input and output `x` of any type. */
export function echo(
  name: string,
  datatype: TensorType = 'float32',
  shape: TensorInfo['shape'] = ['n', 2],
): ServedModel {
  const tensor: TensorInfo = { name: 'x', datatype, shape };
  return functionModel({ name, inputs: [tensor], outputs: [tensor], infer: async (feeds) => ({ outputs: feeds }) });
}

/** A model that is loaded and unloaded; `refusal` is what loading it fails with. */
export function loadable(name: string, { refusal }: { refusal?: Error } = {}): ServedModel {
  let version: string | undefined;
  return {
    ...echo(name),
    version: () => version,
    load: async () => {
      if (refusal) throw refusal;
      version = '1';
    },
    unload: async () => {
      version = undefined;
    },
    unavailable: () => 'is resting',
  };
}

export interface Answer {
  status: number;
  headers: Headers;
  /** JSON, or of binary answers the JSON before the tensors; text where it is neither. */
  body: unknown;
  /** What follows the JSON. */
  binary: Buffer;
}

/** Sends a request; an object as body becomes JSON. */
export async function send(
  url: string,
  { method, body, headers = {} }: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const bytes =
    body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    body: bytes as string | undefined,
  });
  const all = Buffer.from(await response.arrayBuffer());
  const length = Number(response.headers.get('inference-header-content-length') ?? all.byteLength);
  const text = all.subarray(0, length).toString();
  const isJson = /^[[{]/.test(text);
  return {
    status: response.status,
    headers: response.headers,
    body: isJson ? JSON.parse(text) : text,
    binary: all.subarray(length),
  };
}

/** Body and headers of a request with the JSON first and binary tensors behind it. */
export function binaryRequest(json: object, ...tensors: Uint8Array[]) {
  const header = Buffer.from(JSON.stringify(json));
  return {
    body: Buffer.concat([header, ...tensors]),
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(header.byteLength),
    },
  };
}
