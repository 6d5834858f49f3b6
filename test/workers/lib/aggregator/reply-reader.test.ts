import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { TensorEntry } from '../../../../sdk/tensors/index.ts';
import { ReplyReader } from '../../../../workers/lib/aggregator/reply-reader.ts';

const entries = [
  { name: 'a', dtype: 'F32', shape: [2, 2], elements: 4 },
  { name: 'b', dtype: 'F32', shape: [], elements: 1 },
] as unknown as TensorEntry[];
const reply = (weights: string, more = '"exit_flag": "continue"'): string =>
  `{"type": "recv_weight", "data": {"total_sample": 3, "weights": ${weights}, ${more}}}`;
const good = reply('[[[1.5,2],[3,4]],0.1]');

function say(reader: ReplyReader, text: string, size = text.length): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) reader.data(bytes.subarray(at, at + size));
  reader.end();
}

test('the reply is found among other messages, however its bytes come', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 60 }), async (size) => {
      const reader = new ReplyReader(entries, true);
      // Weights that came before anybody has uploaded are of no round of ours.
      say(reader, reply('[[[9,9],[9,9]],9]', '"exit_flag": "ok"'), size);
      await reader.welcomed;
      reader.expect();
      say(reader, '{"type": "CLIENT_JOIN", "data": "01"}', size);
      say(reader, good, size);
      const { values, finished } = await reader.reply;
      expect([...values]).toEqual([1.5, 2, 3, 4, Math.fround(0.1)]);
      expect(finished).toBe(false);
    }),
  );
});

test('those that keep nothing agree with the one that does', async () => {
  const readers = [true, false].map((keeps) => new ReplyReader(entries, keeps));
  for (const [i, reader] of readers.entries()) {
    reader.expect();
    say(reader, reply('[[[1.5, 2.0], [3.0, 4e0]], 1e-1]', '"exit_flag": "ok"'), 7 + i);
  }
  const [one, other] = await Promise.all(readers.map((reader) => reader.reply));
  expect(one?.digest).toBe(other?.digest);
  expect([one?.finished, other?.values.length]).toEqual([true, 0]);
});

test.each([
  ['[[[1,2],[3,4]],0.1,[]]', /3 layers; the model has 2/],
  ['[[[1,2,3],[4,5,6]],0.1]', /layer 0 \(a\) has the shape \[2, 3\]; the model's is \[2, 2\]/],
  ['[[[1,2],[3,4]],[0.1]]', /layer 1 \(b\) has the shape \[1\]; the model's is \[\]/],
  ['[[[1,2],[3,-Infinity]],1]', /layer 0 \(a\) is not finite: element 3 is -Infinity/],
  ['[[[1,2],[3,4]],1e39]', /layer 1: 1e39 does not fit float32/],
  ['null', /has no list data.weights/],
])('%s is no model', async (weights, message) => {
  const reader = new ReplyReader(entries, true);
  reader.expect();
  expect(() => say(reader, reply(weights))).toThrow(message);
  await expect(reader.reply).rejects.toMatchObject({ reason: 'AggregateInvalid' });
});

test('a message that is no JSON is not an answer', async () => {
  const reader = new ReplyReader(entries, true);
  expect(() => say(reader, 'hello')).toThrow('it sent a message that cannot be read: not JSON');
  await expect(reader.reply).rejects.toMatchObject({ reason: 'AggregatorFailed' });
});
