import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { checkUpdate } from '../../../../sdk/index.ts';
import { digestBytes } from '../../../../sdk/storage/index.ts';
import type { Identity, TensorFile, UpdateClaim, UpdateExpectation, UpdatePolicy } from '../../../../sdk/index.ts';
import { Folder } from './support/tensors.ts';
import type { Values } from './support/tensors.ts';

const GLOBAL: Values = { bias: [0, 0], weight: [1, 2, 3] };
const asked: Identity = { run: 'job/run/uid-0', round: 3, client: '001', node: 'edge-1', attempt: 1 };

let folder: Folder;
let global: TensorFile;
beforeEach(async () => {
  folder = await Folder.make();
  global = await folder.file(GLOBAL);
});
afterEach(() => folder.close());

async function check(
  claim: Partial<UpdateClaim> & { values?: Values },
  expected: Partial<UpdateExpectation> = {},
  policy: UpdatePolicy = {},
) {
  const { values = GLOBAL, ...rest } = claim;
  const file = rest.file ?? (await folder.write(values)).path;
  return checkUpdate({ samples: 3, ...rest, file }, { global, out: folder.at('final'), ...expected }, policy);
}

async function reasonOf(...args: Parameters<typeof check>): Promise<string> {
  const verdict = await check(...args);
  return 'refused' in verdict ? verdict.refused.reason : 'accepted';
}

test('an honest update counts as it is, under its own digest', async () => {
  const written = await folder.write({ bias: [0.5, -0], weight: [1, 2, 1e-42] });
  const identity = { ...asked };
  const verdict = await check(
    { file: written.path, identity, bytes: written.bytes, sha256: written.sha256 },
    { identity: asked, taken: new Set(['000']), datasetSamples: 3 },
    { maxSamplesFactor: 1 },
  );
  expect(verdict).toEqual({
    accepted: { file: written.path, sha256: written.sha256, bytes: written.bytes, samples: 3, clipped: false },
  });
});

describe('what is kept', () => {
  async function keeping(values: Values, policy: UpdatePolicy = {}) {
    const kept: Buffer[] = [];
    let whole = false;
    const keep = async (bytes: AsyncIterable<Uint8Array>) => {
      for await (const part of bytes) kept.push(Buffer.from(part));
      whole = true;
      return digestBytes(Buffer.concat(kept));
    };
    const written = await folder.write(values);
    const verdict = await check({ file: written.path }, { keep }, policy);
    return { verdict, written, kept: whole ? Buffer.concat(kept) : undefined };
  }

  test('is what was looked at, where nothing has to be changed in it', async () => {
    const { verdict, written, kept } = await keeping({ bias: [0.5, -0], weight: [1, 2, 1e-42] });
    expect(verdict).toMatchObject({ accepted: { kept: true, sha256: written.sha256, bytes: written.bytes } });
    expect(kept).toEqual(readFileSync(written.path));
  });

  test('is nothing of an update with a value that is no number, the last one too', async () => {
    const { verdict, kept } = await keeping({ bias: [0, 0], weight: [1, 2, NaN] });
    expect(verdict).toEqual({ refused: { reason: 'NotFinite', message: 'tensor "weight": element 2 is NaN' } });
    expect(kept).toBeUndefined();
  });

  test('is up to the caller where the policy may change it', async () => {
    const { verdict, kept } = await keeping({ bias: [0, 0], weight: [1, 2, 9] }, { clipNorm: 1 });
    expect(verdict).toMatchObject({ accepted: { clipped: true, file: folder.at('final') } });
    expect(kept).toBeUndefined();
  });
});

test.each([3, 4, 7, 262_144, 262_145, 700_001])('of %i elements each is looked at', async (count) => {
  const values = Array.from({ length: count }, () => 1);
  const layout = await folder.file({ w: values });
  for (const at of [0, 1, count - 2, count - 1]) {
    const sick = values.with(at, Infinity);
    const verdict = await check({ values: { w: sick } }, { global: layout });
    expect(verdict).toEqual({ refused: { reason: 'NotFinite', message: `tensor "w": element ${at} is Infinity` } });
  }
  expect(await reasonOf({ values: { w: values } }, { global: layout })).toBe('accepted');
});

describe('tensors', () => {
  const cases: [string, Values, string][] = [
    ['NaN', { bias: [0, NaN], weight: [1, 2, 3] }, 'NotFinite'],
    ['1e308, which no single holds', { bias: [0, 1e308], weight: [1, 2, 3] }, 'NotFinite'],
    ['minus infinity', { bias: [0, 0], weight: [1, -Infinity, 3] }, 'NotFinite'],
    ['one element where two belong', { bias: [0], weight: [1, 2, 3] }, 'ShapeMismatch'],
    ['three elements where two belong', { bias: [0, 0, 0], weight: [1, 2, 3] }, 'ShapeMismatch'],
    ['a missing layer', { bias: [0, 0] }, 'TensorsMissing'],
    ['one layer more', { bias: [0, 0], weight: [1, 2, 3], x: [1] }, 'TensorsUnknown'],
    ['a renamed layer', { bias: [0, 0], Weight: [1, 2, 3] }, 'TensorsMissing'],
    ['no tensors', {}, 'TensorsMissing'],
  ];
  test.each(cases)('%s', async (_, values, reason) => expect(await reasonOf({ values })).toBe(reason));

  test('another dtype; 1e308 is finite as a double, and still no single', async () => {
    const file = (await folder.write({ bias: [0, 1e308], weight: [1, 2, 3] }, 'F64')).path;
    expect(await reasonOf({ file })).toBe('DtypeMismatch');
  });

  test('a message names tensor, element and value', async () => {
    const verdict = await check({ values: { bias: [0, NaN], weight: [1, 2, 3] } });
    expect(verdict).toEqual({ refused: { reason: 'NotFinite', message: 'tensor "bias": element 1 is NaN' } });
  });

  test('signalling NaNs and NaNs with payloads', async () => {
    const { path } = await folder.write(GLOBAL);
    for (const bits of ['0100807f', '010080ff', 'ffffff7f', '0000c0ff']) {
      await folder.write(GLOBAL, 'F32', 'sick');
      const content = Buffer.concat([readFileSync(path).subarray(0, -4), Buffer.from(bits, 'hex')]);
      await writeFile(folder.at('sick'), content);
      expect(await reasonOf({ file: folder.at('sick') })).toBe('NotFinite');
    }
  });

  test('what is no tensor file', async () => {
    await writeFile(folder.at('text'), '{"weights": [[1, 2]]}');
    expect(await reasonOf({ file: folder.at('text') })).toBe('NotTensors');
    const { path } = await folder.write(GLOBAL);
    await appendFile(path, 'x');
    expect(await reasonOf({ file: path })).toBe('NotTensors');
  });

  test('a node without the file is an error of the node, not of the client', async () => {
    const { path } = await folder.write(GLOBAL);
    await rm(path);
    await expect(check({ file: path })).rejects.toThrow('ENOENT');
  });
});

describe('samples', () => {
  test.each<[unknown, string]>([
    [0, 'BadSampleCount'],
    [-99, 'BadSampleCount'],
    [1.5, 'BadSampleCount'],
    [NaN, 'BadSampleCount'],
    [Infinity, 'BadSampleCount'],
    [2 ** 53, 'BadSampleCount'],
    ['3', 'BadSampleCount'],
    [null, 'BadSampleCount'],
    [undefined, 'BadSampleCount'],
    [1e15, 'TooManySamples'],
    [21, 'TooManySamples'],
    [20, 'accepted'],
    [1, 'accepted'],
  ])('%p of a dataset of ten, twice allowed: %s', async (samples, reason) => {
    expect(await reasonOf({ samples }, { datasetSamples: 10 }, { maxSamplesFactor: 2 })).toBe(reason);
  });
});

test('without a factor only an absurd count of samples is refused, by name', async () => {
  expect(await reasonOf({ samples: 1e9 })).toBe('accepted');
  expect(await check({ samples: 1e15 }, { datasetSamples: 10 })).toEqual({
    refused: {
      reason: 'TooManySamples',
      message:
        'claims 1000000000000000 samples; without spec.updatePolicy.maxSamplesFactor 1000000000 are the most that count',
    },
  });
});

test('doubles whose change no number holds are refused before they are clipped', async () => {
  const doubles = await folder.open((await folder.write({ w: [-1e308, 0] }, 'F64')).path);
  const { path: file } = await folder.write({ w: [1e308, 0] }, 'F64');
  expect(await check({ file }, { global: doubles }, { clipNorm: 1 })).toEqual({
    refused: { reason: 'NotFinite', message: 'the norm of its change is beyond what numbers hold' },
  });
});

describe('identity', () => {
  test.each<[string, Partial<Identity>, string]>([
    ['an old round', { round: 2 }, 'StaleRound'],
    ['a round to come', { round: 4 }, 'StaleRound'],
    ['another run of the job', { run: 'job/run/uid-1' }, 'WrongIdentity'],
    ['a replay of another job', { run: 'other/run/uid-0', round: 2 }, 'WrongIdentity'],
    ['another client', { client: '002' }, 'WrongIdentity'],
    ['another node', { node: 'edge-2' }, 'WrongIdentity'],
    ['an earlier attempt', { attempt: 0 }, 'WrongIdentity'],
  ])('%s', async (_, part, reason) => {
    expect(await reasonOf({ identity: { ...asked, ...part } }, { identity: asked })).toBe(reason);
  });

  test('a second update of the same client, and the first stays', async () => {
    expect(await reasonOf({ identity: asked }, { identity: asked, taken: new Set(['001']) })).toBe('DuplicateClient');
  });
});

describe('declared bytes', () => {
  test('one more or less', async () => {
    const { path, bytes } = await folder.write(GLOBAL);
    expect(await reasonOf({ file: path, bytes: bytes + 1 })).toBe('SizeMismatch');
    expect(await reasonOf({ file: path, bytes: bytes - 1 })).toBe('SizeMismatch');
  });

  test('another digest', async () => {
    const { path } = await folder.write(GLOBAL);
    const other = await folder.write({ bias: [0, 1], weight: [1, 2, 3] });
    expect(await reasonOf({ file: path, sha256: other.sha256 })).toBe('DigestMismatch');
  });
});

describe('the final form', () => {
  test('an update longer than allowed is scaled to the bound', async () => {
    // Minus the global weights: (3, 0 | 0, 4, 0), of norm 5.
    const verdict = await check({ values: { bias: [3, 0], weight: [1, 6, 3] } }, {}, { clipNorm: 2.5 });
    expect(verdict).toMatchObject({ accepted: { norm: 5, clipped: true, file: folder.at('final') } });
    expect(await folder.read(folder.at('final'))).toEqual({ bias: [1.5, 0], weight: [1, 4, 3] });
  });

  test('one within the bound keeps its bytes', async () => {
    const written = await folder.write({ bias: [3, 0], weight: [1, 6, 3] });
    const verdict = await check({ file: written.path }, {}, { clipNorm: 5 });
    expect(verdict).toMatchObject({ accepted: { norm: 5, clipped: false, sha256: written.sha256 } });
  });

  test('layers that stay with the client count as unchanged, whatever it sent of them', async () => {
    const policy = { excludeLayers: ['b*s'] };
    const sent: Values[] = [{ weight: [4, 5, 6] }, { bias: [NaN, 1, 1], weight: [4, 5, 6] }];
    for (const values of sent) {
      expect(await reasonOf({ values }, {}, policy)).toBe('accepted');
      expect(await folder.read(folder.at('final'))).toEqual({ bias: [0, 0], weight: [4, 5, 6] });
    }
    expect(await reasonOf({ values: { weight: [4, 5, 6] } })).toBe('TensorsMissing');
  });
});
