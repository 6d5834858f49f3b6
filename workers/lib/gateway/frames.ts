/** The sending side of WebSocket (RFC 6455): the handshake's answer, and whole frames. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const longestReason = 123;

export const wantedVersion = 'Sec-WebSocket-Version: 13';

/** The answer to an upgrade, or what it lacks. No extension is agreed on: updates are JSON of random digits, which hardly compress. */
export function handshake({ headers, method }: IncomingMessage): { accepted: string } | { lacks: string } {
  const key = headers['sec-websocket-key'] ?? '';
  if (method !== 'GET' || headers.upgrade?.toLowerCase() !== 'websocket') return { lacks: 'Upgrade: websocket' };
  if (headers['sec-websocket-version'] !== '13') return { lacks: wantedVersion };
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) return { lacks: 'Sec-WebSocket-Key' };
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  return { accepted: [...lines, `Sec-WebSocket-Accept: ${acceptance(key)}`, '', ''].join('\r\n') };
}

/** What a server answers to a client's key. */
export function acceptance(key: string): string {
  return createHash('sha1')
    .update(key + guid)
    .digest('base64');
}

export const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const;

/** One unfragmented, unmasked frame's header. */
export function frameHeader(opcode: number, length: number): Buffer {
  const first = 128 | opcode;
  if (length < 126) return Buffer.from([first, length]);
  const header = Buffer.alloc(length < 65_536 ? 4 : 10);
  header[0] = first;
  if (length < 65_536) {
    header[1] = 126;
    header.writeUInt16BE(length, 2);
  } else {
    header[1] = 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  return header;
}

/** Payload of a close frame; a reason that is too long is cut between characters. */
export function closePayload(code: number, reason: string): Buffer {
  let bytes = Buffer.from(reason);
  if (bytes.length > longestReason) {
    const cut = new TextDecoder('utf-8').decode(bytes.subarray(0, longestReason)).replace(/\uFFFD+$/, '');
    bytes = Buffer.from(cut);
  }
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return Buffer.concat([head, bytes]);
}
