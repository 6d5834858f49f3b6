/**
 * Messages between a process and its session processes. All lengths are multiples of 8, so that tensors in a received frame can be used
 * where they lie. Little-endian:
 *
 *     u32 length of the frame   u32 request   u32 kind   u32 tensors, or bytes of text   f64 microseconds in the model
 *     per tensor: u32 name (index)   u32 type (index)   u32 rank   u32 bytes   u32 × rank, padded to 8
 *     the bytes of each tensor, or the text, padded to 8
 */
import { binaryOf, readBinaryTensor } from '../codec/binary-tensor.ts';
import { WIRE_TYPES } from '../codec/element-types.ts';
import type { Tensor, TensorType } from '../../tensor.ts';

export const FrameKind = { tensors: 0, ready: 1, error: 2 } as const;

export interface NamedTensor {
  /** Index in the model's inputs or outputs. */
  name: number;
  tensor: Tensor;
}

export interface Frame {
  request: number;
  kind: number;
  /** Time in the model; 0 in questions. */
  microseconds: number;
  tensors: NamedTensor[];
  text: string;
}

export const HEAD_BYTES = 24;
/** Frames up to this size are one piece. */
const ONE_PIECE_BYTES = 16 * 1024;
const TYPES: TensorType[] = Object.values(WIRE_TYPES);
/** Type of `string` tensors whose elements are files, not text. */
const BINARY_ELEMENTS = TYPES.length;
const PADDING = Buffer.alloc(8);

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** @returns the parts to write one after another; those of large tensors are their own memory. */
export function tensorFrame(request: number, tensors: readonly NamedTensor[], microseconds = 0): Uint8Array[] {
  const bodies = tensors.map(({ tensor }) => binaryOf(tensor));
  const headBytes = HEAD_BYTES + tensors.reduce((sum, { tensor }) => sum + 16 + padded(tensor.shape.length * 4), 0);
  const length = bodies.reduce((sum, { byteLength }) => sum + padded(byteLength), headBytes);
  const isOnePiece = length <= ONE_PIECE_BYTES;
  const head = Buffer.alloc(isOnePiece ? length : headBytes);
  writeHead(head, { length, request, kind: FrameKind.tensors, count: tensors.length, microseconds });
  let at = HEAD_BYTES;
  tensors.forEach(({ name, tensor }, i) => {
    head.writeUInt32LE(name, at);
    head.writeUInt32LE(typeCode(tensor), at + 4);
    head.writeUInt32LE(tensor.shape.length, at + 8);
    head.writeUInt32LE(bodies[i]?.byteLength ?? 0, at + 12);
    tensor.shape.forEach((size, axis) => head.writeUInt32LE(size, at + 16 + axis * 4));
    at += 16 + padded(tensor.shape.length * 4);
  });
  if (!isOnePiece) return [head, ...bodies.flatMap(withPadding)];
  for (const body of bodies) {
    head.set(body, at);
    at += padded(body.byteLength);
  }
  return [head];
}

export function textFrame(kind: number, request: number, text: string): Uint8Array[] {
  const body = Buffer.from(text);
  const frame = Buffer.alloc(HEAD_BYTES + padded(body.byteLength));
  writeHead(frame, { length: frame.byteLength, request, kind, count: body.byteLength, microseconds: 0 });
  frame.set(body, HEAD_BYTES);
  return [frame];
}

/** Length of the frame that begins here; `undefined` as long as that is not there. */
export const frameLength = (bytes: Buffer): number | undefined =>
  bytes.byteLength < HEAD_BYTES ? undefined : bytes.readUInt32LE(0);

/** Reads one whole frame. Its numbers are views of `bytes`, which must begin on a multiple of 8 and may not change while they are used. */
export function readFrame(bytes: Buffer): Frame {
  const kind = bytes.readUInt32LE(8);
  const count = bytes.readUInt32LE(12);
  const frame = { request: bytes.readUInt32LE(4), kind, microseconds: bytes.readDoubleLE(16) };
  if (kind === FrameKind.tensors) return { ...frame, text: '', tensors: readTensors(bytes, count) };
  return { ...frame, text: bytes.toString('utf8', HEAD_BYTES, HEAD_BYTES + count), tensors: [] };
}

function readTensors(bytes: Buffer, count: number): NamedTensor[] {
  const heads: { name: number; type: number; shape: number[]; bytes: number }[] = [];
  let at = HEAD_BYTES;
  for (let i = 0; i < count; i++) {
    const rank = bytes.readUInt32LE(at + 8);
    const shape = Array.from({ length: rank }, (_, axis) => bytes.readUInt32LE(at + 16 + axis * 4));
    heads.push({
      name: bytes.readUInt32LE(at),
      type: bytes.readUInt32LE(at + 4),
      shape,
      bytes: bytes.readUInt32LE(at + 12),
    });
    at += 16 + padded(rank * 4);
  }
  return heads.map(({ name, type, shape, bytes: size }) => {
    const body = bytes.subarray(at, at + size);
    at += padded(size);
    const binary = type === BINARY_ELEMENTS;
    const datatype = TYPES[type] ?? 'string';
    return { name, tensor: readBinaryTensor({ name: String(name), datatype, shape, binary }, body) };
  });
}

interface Head {
  length: number;
  request: number;
  kind: number;
  count: number;
  microseconds: number;
}

function writeHead(target: Buffer, { length, request, kind, count, microseconds }: Head): void {
  target.writeUInt32LE(length, 0);
  target.writeUInt32LE(request, 4);
  target.writeUInt32LE(kind, 8);
  target.writeUInt32LE(count, 12);
  target.writeDoubleLE(microseconds, 16);
}

const typeCode = ({ datatype, data }: Tensor): number =>
  datatype === 'string' && data[0] instanceof Uint8Array ? BINARY_ELEMENTS : TYPES.indexOf(datatype);

function withPadding(body: Uint8Array): Uint8Array[] {
  const missing = padded(body.byteLength) - body.byteLength;
  return missing === 0 ? [body] : [body, PADDING.subarray(0, missing)];
}
