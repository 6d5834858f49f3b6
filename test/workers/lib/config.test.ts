import { describe, expect, test } from '@jest/globals';
import { ConfigError, readGmConfig, readLcConfig } from '../../../workers/lib/config.ts';

const env = { SEDNA_BLOB_URL: 'file:///blobs' };

describe('global manager', () => {
  test('defaults', () => {
    expect(readGmConfig({}, env)).toMatchObject({ port: 9000, host: '127.0.0.1', blobUrl: 'file:///blobs' });
    expect(readGmConfig({}, { ...env, SEDNA_KUBECONFIG: '' })).not.toHaveProperty('kubeconfig');
  });
  test('flags win over the environment', () => {
    expect(readGmConfig({ port: '1' }, { ...env, SEDNA_PORT: '2', SEDNA_KUBECONFIG: '/k' })).toMatchObject({
      port: 1,
      kubeconfig: '/k',
    });
  });
  test('a missing blob store is said', () => expect(() => readGmConfig({}, {})).toThrow(/SEDNA_BLOB_URL is not set/));
});

describe('local controller', () => {
  const read = (change: Record<string, string> = {}, flags = {}) =>
    readLcConfig({ node: 'edge-1', ...flags }, { ...env, ...change }, 4);
  test('defaults', () => {
    expect(read()).toMatchObject({
      node: 'edge-1',
      role: 'edge',
      port: 9100,
      imageFiles: [],
      slots: 3,
      labels: { 'sedna.io/role': 'edge', 'kubernetes.io/hostname': 'edge-1' },
    });
  });
  test('of fronts only what is given', () => {
    expect(read({ SEDNA_FRONT_SILENT_SECONDS: '' })).not.toHaveProperty('frontSilentSeconds');
    expect(read({ SEDNA_FRONT_SILENT_SECONDS: '600' })).toMatchObject({ frontSilentSeconds: 600 });
  });
  test('lists', () => {
    expect(read({ SEDNA_IMAGES: '/a:/b', SEDNA_NODE_LABELS: 'x=1,y=', SEDNA_SLOTS: '7' })).toMatchObject({
      imageFiles: ['/a', '/b'],
      labels: { x: '1', y: '' },
      slots: 7,
    });
  });
  test.each([
    [{}, { node: 'Edge_1' }, /--node Edge_1/],
    [{}, { node: '' }, /--node/],
    [{}, { role: 'fog' }, /--role fog: cloud or edge/],
    [{}, { port: '70000' }, /port 70000/],
    [{}, { port: 'x' }, /port x/],
    [{ SEDNA_NODE_LABELS: 'x' }, {}, /SEDNA_NODE_LABELS: x is not key=value/],
    [{ SEDNA_SLOTS: 'many' }, {}, /SEDNA_SLOTS/],
    [{ SEDNA_SLOTS: '0' }, {}, /SEDNA_SLOTS/],
    [{ SEDNA_FRONT_SILENT_SECONDS: '2 min' }, {}, /SEDNA_FRONT_SILENT_SECONDS 2 min: a whole number/],
    [{ SEDNA_FRONT_SILENT_SECONDS: '0' }, {}, /SEDNA_FRONT_SILENT_SECONDS/],
    [{ SEDNA_FRONT_SILENT_SECONDS: '86401' }, {}, /SEDNA_FRONT_SILENT_SECONDS/],
    [{ SEDNA_BLOB_URL: '' }, {}, /SEDNA_BLOB_URL/],
  ])('%j %j is refused', (change, flags, message) => {
    expect(() => read(change as Record<string, string>, flags)).toThrow(message);
    expect(() => read(change as Record<string, string>, flags)).toThrow(ConfigError);
  });
});
