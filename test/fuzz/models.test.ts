import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OnnxError } from '../../sdk/estimators/onnx/errors.ts';
import { LoadedModel } from '../../sdk/estimators/onnx/loaded-model.ts';
import { decodeModel, encodeModel } from '../../sdk/estimators/onnx/proto/codec.ts';
import { models } from '../corpus/families/models.ts';
import { boundMs, mutated, params, seeds } from './lib/fuzz.ts';

const files = seeds('models/files');

function named<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    expect(error.message).toContain('x.onnx');
    return undefined;
  }
}

test(
  'any bytes are a model that is the same once written and read, or are refused by the name of the file',
  () => {
    const property = fc.property(mutated(files, ['Gemm', 'input', '\x08\x01', '\xff\xff\xff\x7f']), (bytes) => {
      const model = named(() => decodeModel(bytes, 'x.onnx'));
      if (model === undefined) return;
      const written = encodeModel(model);
      expect(encodeModel(decodeModel(written))).toEqual(written);
      named(() => LoadedModel.decode(bytes, 'x.onnx'));
    });
    fc.assert(property, params(300));
  },
  boundMs,
);

const file = join(mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'fuzz-model-')), 'x.onnx');
const serving = models().parsers[0];
beforeAll(() => serving?.open?.([]), 30_000);
afterAll(() => serving?.close?.());

test(
  'the runtime takes it or refuses it, and neither dies nor grows without bound',
  async () => {
    const property = fc.asyncProperty(mutated(files.filter(({ length }) => length > 100)), async (bytes) => {
      writeFileSync(file, bytes);
      const found = await serving?.judge(file, undefined as never);
      if (found?.verdict === 'refuse') expect(found.message).toContain('x.onnx');
    });
    await fc.assert(property, params(100));
  },
  boundMs,
);
