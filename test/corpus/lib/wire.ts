/** Bytes of the corpus of messages, from the words of its file; and what comes back, read as HTTP. */
import { gzipSync } from 'node:zlib';
import { clientFrame } from '../../workers/support/websocket.ts';

/** Text, or bytes that are too many or too strange to be written down. */
export type Piece = string | { repeat: string; times: number } | { hex: string } | { gzip: Piece };

export interface Frame {
  payload?: Piece;
  opcode?: number;
  fin?: boolean;
  bits?: number;
  /** Bytes instead of a frame. */
  raw?: Piece;
  /** These instead, `times` times. */
  group?: Frame[];
  times?: number;
}

export interface Wire {
  /** `METHOD target`, with length and JSON as type unless `headers` say something of the kind. */
  request?: string;
  headers?: string[];
  body?: Piece | Piece[];
  /** Instead of `request`. */
  raw?: Piece[];
  /** So many of it, one behind the other on one connection. */
  pipelined?: number;
  /** A WebSocket is opened, or, with `trainer`, subscribed; these follow. */
  frames?: Frame[];
  trainer?: boolean;
  /** After that; default: what it waits for. `drip`: a byte (WebSocket: a ping) more now and then, as long as it can. */
  then?: 'end' | 'reset' | 'drip' | 'wait';
}

export function bytesOf(piece: Piece | Piece[]): Buffer {
  if (Array.isArray(piece)) return Buffer.concat(piece.map((one) => bytesOf(one)));
  if (typeof piece === 'string') return Buffer.from(piece);
  if ('hex' in piece) return Buffer.from(piece.hex.replaceAll(' ', ''), 'hex');
  if ('gzip' in piece) return gzipSync(bytesOf(piece.gzip));
  return Buffer.from(piece.repeat.repeat(piece.times));
}

export function requestOf({ request = '', headers = [], body, raw, pipelined = 1 }: Wire): Buffer {
  const one = raw === undefined ? wellFormed(request, headers, body) : bytesOf(raw);
  return Buffer.concat(Array<Buffer>(pipelined).fill(one));
}

function wellFormed(request: string, headers: string[], body: Piece | Piece[] | undefined): Buffer {
  const bytes = body === undefined ? Buffer.alloc(0) : bytesOf(body);
  const has = (name: RegExp): boolean => headers.some((header) => name.test(header));
  const own = [
    ...(has(/^host:/i) ? [] : ['host: lc']),
    ...(body === undefined || has(/^content-type:/i) ? [] : ['content-type: application/json']),
    ...(body === undefined || has(/^(content-length|transfer-encoding):/i) ? [] : [`content-length: ${bytes.length}`]),
  ];
  return Buffer.concat([Buffer.from([`${request} HTTP/1.1`, ...own, ...headers, '', ''].join('\r\n')), bytes]);
}

/** One after the other, so that what is large need not be whole in memory. */
export function* framesOf(frames: readonly Frame[]): Generator<Buffer> {
  for (const { payload = '', raw, group, times = 1, ...options } of frames) {
    if (group === undefined) yield raw === undefined ? clientFrame(bytesOf(payload), options) : bytesOf(raw);
    else {
      const whole = Buffer.concat([...framesOf(group)]);
      for (let i = 0; i < times; i++) yield whole;
    }
  }
}

export interface Answer {
  status: number;
  headers: string;
  body: string;
}

/** The answers in what came so far; one that is not complete is left out. */
export function answersIn(bytes: Buffer): Answer[] {
  const answers: Answer[] = [];
  for (let rest = bytes; ;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return answers;
    const headers = rest.subarray(0, end).toString('latin1');
    const status = Number(/^HTTP\/1.1 (\d+)/.exec(headers)?.[1]);
    const length = Number(/^content-length: *(\d+)/im.exec(headers)?.[1] ?? 0);
    const body = rest.subarray(end + 4, end + 4 + length);
    if (body.length < length) return answers;
    if (status >= 200) answers.push({ status, headers, body: body.toString() });
    rest = rest.subarray(end + 4 + length);
  }
}
