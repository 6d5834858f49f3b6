import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FrameReader } from '../../../../sdk/serving/isolated/frame-reader.ts';
import { tensorFrame, textFrame } from '../../../../sdk/serving/isolated/frame.ts';

const bytesOf = (request: number, elements: number): Buffer =>
  Buffer.concat(
    elements === 0
      ? textFrame(2, request, 'no tensor')
      : tensorFrame(request, [
          {
            name: 1,
            tensor: {
              datatype: 'float32',
              shape: [1, elements],
              data: Float32Array.from({ length: elements }, (_, i) => request * 1_000 + i),
            },
          },
        ]),
  );

/** What a session process does with what the system gives it, in portions of any size. */
function* framesOf(bytes: Buffer, portions: readonly number[], chunkBytes: number) {
  const reader = new FrameReader({ reuse: true });
  for (let at = 0, i = 0; at < bytes.byteLength; i++) {
    const space = reader.space();
    const limit = Math.min(space?.byteLength ?? chunkBytes, portions[i % portions.length] ?? 1);
    const portion = bytes.subarray(at, at + limit);
    at += portion.byteLength;
    if (space) portion.copy(space);
    yield* space ? reader.filled(portion.byteLength) : reader.take(Buffer.from(portion));
  }
  expect(reader.space()).toBeUndefined();
}

test('frames are the same however they are cut, and whether or not their rest is read to where it belongs', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(3), fc.nat(9_000)), { minLength: 1, maxLength: 6 }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 50_000 })), { minLength: 1 }),
      (sizes, portions) => {
        const all = Buffer.concat(sizes.map((elements, i) => bytesOf(i + 1, elements)));
        let request = 0;
        for (const frame of framesOf(all, portions, 4_096)) {
          request += 1;
          const elements = sizes[request - 1] ?? 0;
          // At once: the next frame takes the memory.
          const values = frame.tensors.flatMap(({ tensor }) => Array.from(tensor.data as Float32Array));
          expect([frame.request, frame.text, values.length]).toEqual([
            request,
            elements === 0 ? 'no tensor' : '',
            elements,
          ]);
          expect(values.every((value, i) => value === request * 1_000 + i)).toBe(true);
        }
        expect(request).toBe(sizes.length);
      },
    ),
    { numRuns: 60 },
  );
});
