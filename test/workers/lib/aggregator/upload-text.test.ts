import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withTensors, writeWeights } from '../../../../sdk/tensors/index.ts';
import { decimal, uploadPieces } from '../../../../workers/lib/aggregator/upload-text.ts';

const directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'upload-text-'));

test('the frame of the library, layers by name, and no bit of a number lost', async () => {
  const file = join(directory, 'update.safetensors');
  const data = Float32Array.of(0.1, -0, 1e-40, 3e38, 7, 1e21);
  await writeWeights(file, { b: { shape: [], data: Float32Array.of(2) }, a: { shape: [2, 3], data } });
  const pieces = await withTensors(file, (update) => uploadPieces(update, { client: '00', samples: 5, job: 'ж"' }));
  const text = Buffer.concat(pieces).toString();
  expect(JSON.parse(text)).toEqual({
    type: 'update_weight',
    client: '00',
    job_name: 'ж"',
    data: { num_samples: 5, weights: [[[...data.slice(0, 3)], [...data.slice(3)]], 2] },
  });
  expect(text).toContain('0.10000000149011612,-0.0,');
});

test('every number reads back as itself, and as a float in Python', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(Number(decimal(value))).toBe(value);
      expect(decimal(value)).toMatch(/[.e]/);
    }),
  );
});
