import { describe, expect, test } from '@jest/globals';
import { DatasetIndex } from '../../../activities/edge/lib/dataset-index.ts';
import { nodePath } from '../../../activities/edge/lib/node-path.ts';

describe('nodePath', () => {
  test('paths of the node', () => {
    expect(nodePath('spec.url', '/data/index.txt')).toBe('/data/index.txt');
    expect(nodePath('spec.url', 'file:///data/index.txt')).toBe('/data/index.txt');
  });

  test('what no node can read fails for good and names the field', () => {
    expect(() => nodePath('spec.outputDir', 's3://bucket/prefix')).toThrow(
      expect.objectContaining({
        type: 'InvalidSpec',
        nonRetryable: true,
        message: expect.stringContaining('spec.outputDir: s3://bucket/prefix: scheme "s3://" is not supported here'),
      }),
    );
  });

  test('a Dataset in a bucket says so instead of counting for ever', () => {
    expect(() => new DatasetIndex({ url: 's3://bucket/index.txt', format: 'txt' })).toThrow(
      expect.objectContaining({ type: 'InvalidSpec', nonRetryable: true }),
    );
  });
});
