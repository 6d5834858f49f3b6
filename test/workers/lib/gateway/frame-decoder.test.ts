import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Closing, FrameDecoder, type FrameEvent } from '../../../../workers/lib/gateway/frame-decoder.ts';
import { closePayload, frameHeader, opcodes } from '../../../../workers/lib/gateway/frames.ts';
import { clientFrame } from '../../support/websocket.ts';

interface Message {
  /** Payload of its frames. */
  parts: Buffer[];
  pings: Buffer[];
}

function decode(bytes: Buffer, cuts: number[], maxMessage = 1 << 20): { messages: Buffer[]; pings: Buffer[] } {
  const decoder = new FrameDecoder(maxMessage);
  const messages: Buffer[] = [];
  const pings: Buffer[] = [];
  let parts: Buffer[] = [];
  const heard = (event: FrameEvent): void => {
    if (event.kind === 'data') parts.push(Buffer.from(event.bytes));
    else if (event.kind === 'ping') pings.push(event.bytes);
    else if (event.kind === 'end') {
      messages.push(Buffer.concat(parts));
      parts = [];
    }
  };
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let from = 0;
  for (const to of places) {
    for (const event of decoder.push(Buffer.from(bytes.subarray(from, to)))) heard(event);
    from = to;
  }
  expect(decoder.isWithin).toBe(false);
  return { messages, pings };
}

const hex = (buffers: Buffer[]): string => buffers.map((buffer) => buffer.toString('hex')).join(' ');

/** Lengths on both sides of where the header changes. */
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(125, 126, 127, 65_535, 65_536).map((length) => new Uint8Array(length).fill(length & 255)),
);

test('messages of any frames with pings between them, however the bytes come', () => {
  const message = fc.record({
    parts: fc.array(
      payload.map((bytes) => Buffer.from(bytes)),
      { minLength: 1, maxLength: 4 },
    ),
    pings: fc.array(
      fc.uint8Array({ maxLength: 125 }).map((bytes) => Buffer.from(bytes)),
      { maxLength: 2 },
    ),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), fc.array(fc.nat(300_000), { maxLength: 10 }), (messages, cuts) => {
      const frames = messages.flatMap(({ parts, pings }: Message) =>
        parts.flatMap((part, i) => [
          clientFrame(part, { opcode: i === 0 ? 1 : 0, fin: i === parts.length - 1 }),
          ...(i === 0 ? pings.map((ping) => clientFrame(ping, { opcode: 9 })) : []),
        ]),
      );
      const decoded = decode(Buffer.concat(frames), cuts);
      expect(hex(decoded.messages)).toBe(hex(messages.map(({ parts }) => Buffer.concat(parts))));
      expect(hex(decoded.pings)).toBe(hex(messages.flatMap(({ pings }) => pings)));
    }),
    { numRuns: 100 },
  );
});

describe('what ends a connection', () => {
  const huge = Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
  const unmasked = Buffer.from([0x81, 1, 65]);
  const first = clientFrame(Buffer.from('a'), { fin: false });
  test.each([
    ['no mask', unmasked, 1002],
    ['an extension', clientFrame(Buffer.from('a'), { bits: 0x40 }), 1002],
    ['an unknown opcode', clientFrame(Buffer.from('a'), { opcode: 5 }), 1002],
    ['an unknown control frame', clientFrame(Buffer.from('a'), { opcode: 11 }), 1002],
    ['a ping in pieces', clientFrame(Buffer.from('a'), { opcode: 9, fin: false }), 1002],
    ['a long ping', clientFrame(Buffer.alloc(126), { opcode: 9 }), 1002],
    ['a continuation of nothing', clientFrame(Buffer.from('a'), { opcode: 0 }), 1002],
    ['a message within a message', Buffer.concat([first, clientFrame(Buffer.from('b'))]), 1002],
    ['a length of 2^63', huge, 1009],
    ['more than a message may have', clientFrame(Buffer.alloc(1_001)), 1009],
    [
      'more in many frames',
      Buffer.concat([clientFrame(Buffer.alloc(600), { fin: false }), clientFrame(Buffer.alloc(600), { opcode: 0 })]),
      1009,
    ],
  ])('%s', (_, bytes, code) => {
    let error: unknown;
    try {
      decode(bytes, [], 1_000);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(Closing);
    expect(error).toMatchObject({ code });
  });

  test('of a server frames are not masked, and its close says why', () => {
    const decoder = new FrameDecoder(1_000, 'server');
    const payload = closePayload(1009, 'too big');
    const bytes = Buffer.concat([
      frameHeader(1, 2),
      Buffer.from('ok'),
      frameHeader(opcodes.pong, 0),
      frameHeader(8, payload.length),
      payload,
    ]);
    const events = [...bytes].flatMap((byte) =>
      [...decoder.push(Buffer.of(byte))].map((event) =>
        'bytes' in event ? [event.kind, String(event.bytes)] : event.kind,
      ),
    );
    expect(events).toEqual([['data', 'o'], ['data', 'k'], 'end', 'pong', ['close', payload.toString()]]);
    expect(() => [...decoder.push(clientFrame(Buffer.from('a')))]).toThrow('frames of a server are not masked');
  });

  test('its reason is cut between characters', () => {
    const text = closePayload(1008, 'ß'.repeat(100)).subarray(2).toString();
    expect(text).toBe('ß'.repeat(61));
  });
});
