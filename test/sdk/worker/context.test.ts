import { describe, expect, test } from '@jest/globals';
import { Context, readWorkerConfig } from '../../../sdk/worker/index.ts';

describe('look-up', () => {
  const context = new Context({ epochs: '5', EMPTY: '', batch: '', BATCH: '8', ZERO: '0', FLAG: 'True', BAD: 'x' });

  test('exact name, then upper case; empty is missing; "0" is set', () => {
    expect(context.get('epochs')).toBe('5');
    expect(context.get('EPOCHS')).toBeUndefined();
    expect(context.get('batch')).toBe('8');
    expect(context.get('EMPTY', 'fallback')).toBe('fallback');
    expect(context.get('ZERO', '1')).toBe('0');
  });

  test('typed values', () => {
    expect(context.boolean('flag')).toBe(true);
    expect(context.boolean('missing')).toBe(false);
    expect(context.number('batch', 1)).toBe(8);
    expect(context.number('ZERO', 60, 1)).toBe(60);
    expect(() => context.number('BAD', 1)).toThrow('BAD: must be a number, not "x"');
    expect(() => context.require('MODEL_URL')).toThrow(/MODEL_URL is not set/);
  });
});

describe('algorithms', () => {
  const parameters = (text: string) =>
    new Context({ HEM_NAME: 'IBT', HEM_PARAMETERS: text }).algorithm('HEM', { b: 2 });

  test('entries without a key are skipped, a missing value is empty, code wins', () => {
    const text = '[{"key":"a","value":"0.9"},{"value":"x"},{"key":"c"},{"key":"b","value":"1"},null]';
    expect(parameters(text)).toEqual({ name: 'IBT', parameters: { a: '0.9', b: 2, c: '' } });
    expect(parameters('null')).toEqual({ name: 'IBT', parameters: { b: 2 } });
    expect(new Context({ HEM_NAME: '', HEM_PARAMETERS: '[]' }).algorithm('HEM')).toBeUndefined();
  });

  test('parameters that cannot be read are an error, not silence', () => {
    expect(() => parameters('{')).toThrow(/HEM_PARAMETERS: is not JSON/);
    expect(() => parameters('{"a":1}')).toThrow(/HEM_PARAMETERS: must be a list/);
  });
});

test('the configuration of a worker', () => {
  const config = readWorkerConfig({
    SERVICE_NAME: 'helmet',
    LC_SERVER: 'http://127.0.0.1:9100/',
    MODEL_URLS: '/new;/deployed;',
    MODEL_HOT_UPDATE: 'true',
    MODEL_HOT_UPDATE_CONFIG: '/c/model_config.json',
    MODEL_POLL_PERIOD_SECONDS: '0',
  });
  expect(config).toMatchObject({
    ownerName: 'helmet',
    namespace: 'helmet',
    workerName: 'helmet',
    lcServer: 'http://127.0.0.1:9100',
    modelUrls: ['/new', '/deployed'],
    hotUpdate: { configFile: '/c/model_config.json', pollSeconds: 60 },
    dataPathPrefix: '/home/data',
  });
  expect(readWorkerConfig({}).ownerName).toBe('sedna');
  expect(readWorkerConfig({ JOB_NAME: 'job', SERVICE_NAME: 'service' }).ownerName).toBe('job');
});
