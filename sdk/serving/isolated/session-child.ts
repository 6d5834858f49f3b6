/**
 * One ONNX session in a process of its own: argument `OPTIONS` (JSON), the model on descriptor 4, frames on descriptor 3. Answers
 * requests in their order; ends when its parent does, whatever else happens.
 */
import { createHash } from 'node:crypto';
import { fstatSync, readSync, writeSync } from 'node:fs';
import { ImageError } from '../signature/image.ts';
import { SignatureError, signedModel } from '../signature/signed-model.ts';
import type { Tensor, TensorInfo } from '../../tensor.ts';
import { messageOf, OnnxError } from '../../estimators/onnx/errors.ts';
import { OnnxModel, type OnnxTensor } from '../../estimators/onnx/onnx-model.ts';
import type { ChildFailure, ChildOptions, ChildReady } from './child-contract.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameKind, tensorFrame, textFrame, type Frame } from './frame.ts';

const FRAMES = 3;
const MODEL = 4;
const CHUNK_BYTES = 256 * 1024;
/** How long an answer may wait for the next one. */
const TOGETHER_MS = 0.2;
/** Answers up to this size are copied into one. */
const ONE_WRITE_BYTES = 64 * 1024;
/** One call of the system reads no more. */
const MAX_READ_BYTES = 1 << 30;

// The parent decides when this ends; a Ctrl-C in the terminal reaches both.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

const options = JSON.parse(process.argv[2] ?? '{}') as ChildOptions;

try {
  const { model, sha256 } = await open();
  const ready: ChildReady = { inputs: model.inputs, outputs: model.outputs, sha256 };
  write(textFrame(FrameKind.ready, 0, JSON.stringify(ready)));
  await answerAll(model);
} catch (error) {
  write(textFrame(FrameKind.error, 0, JSON.stringify(failureOf(error))));
}
process.exit(0);

interface Runnable {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>;
}

async function open(): Promise<{ model: Runnable; sha256: string }> {
  const bytes = readModel();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (options.sha256 !== undefined && sha256 !== options.sha256) {
    throw new OnnxError('InvalidModel', `${options.origin} has the SHA-256 ${sha256}, expected ${options.sha256}`);
  }
  const model = await OnnxModel.open(bytes, options.session, options.origin);
  const plain: Runnable = {
    inputs: model.inputs,
    outputs: model.outputs,
    run: (feeds) => model.run(feeds as Record<string, OnnxTensor>),
  };
  return { model: options.signature ? signedModel(plain, options.signature) : plain, sha256 };
}

function readModel(): Buffer {
  const bytes = Buffer.allocUnsafeSlow(fstatSync(MODEL).size);
  for (let at = 0; at < bytes.byteLength;) {
    const read = readSync(MODEL, bytes, at, Math.min(MAX_READ_BYTES, bytes.byteLength - at), at);
    if (read === 0) return bytes.subarray(0, at);
    at += read;
  }
  return bytes;
}

/**
 * Reads and writes block: this process has nothing else to do, and the event loop's way there and back would double a small model's time.
 * Requests that came together are answered together, unless the first answer would wait for long.
 */
async function answerAll(model: Runnable): Promise<void> {
  const reader = new FrameReader({ reuse: true });
  // Used again for each read: a frame's tensors are not needed any more once it is answered.
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (;;) {
    const space = reader.space();
    const read = readSync(FRAMES, space ?? chunk);
    if (read === 0) return;
    let answers: Uint8Array[] = [];
    let since = performance.now();
    for (const frame of space ? reader.filled(read) : reader.take(chunk.subarray(0, read))) {
      answers.push(...(await answer(model, frame)));
      if (performance.now() - since < TOGETHER_MS) continue;
      write(answers);
      answers = [];
      since = performance.now();
    }
    write(answers);
  }
}

async function answer(model: Runnable, { request, tensors }: Frame): Promise<Uint8Array[]> {
  try {
    const feeds = Object.fromEntries(tensors.map(({ name, tensor }) => [model.inputs[name]?.name ?? '', tensor]));
    const began = performance.now();
    const outputs: Record<string, Tensor> = await model.run(feeds);
    const microseconds = (performance.now() - began) * 1_000;
    const named = model.outputs.flatMap(({ name }, i) => {
      const tensor = outputs[name];
      return tensor ? [{ name: i, tensor }] : [];
    });
    return tensorFrame(request, named, microseconds);
  } catch (error) {
    return textFrame(FrameKind.error, request, JSON.stringify(failureOf(error)));
  }
}

function failureOf(error: unknown): ChildFailure {
  const message = messageOf(error);
  if (error instanceof OnnxError) return { type: error.type, message };
  if (error instanceof ImageError) return { type: 'InvalidInput', message };
  return { type: error instanceof SignatureError ? 'InvalidModel' : 'RuntimeFailed', message };
}

function write(parts: readonly Uint8Array[]): void {
  const size = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const pieces = parts.length > 1 && size <= ONE_WRITE_BYTES ? [Buffer.concat(parts, size)] : parts;
  for (const piece of pieces) {
    for (let at = 0; at < piece.byteLength;) at += writeSync(FRAMES, piece, at);
  }
}
