import { describe, expect, test } from '@jest/globals';
import { MAX_LISTS, parseJson } from '../../../../sdk/serving/codec/json-text.ts';

const parsed = (text: string) => parseJson(Buffer.from(text));

describe('JSON that would take far more memory than it has bytes is refused', () => {
  test.each([
    ['lists', `[${'[],'.repeat(MAX_LISTS)}1]`],
    ['texts', `[${'"",'.repeat(1024 * 1024 + 1)}1]`],
    ['objects', `[${'{},'.repeat(64 * 1024)}{}]`],
    ['names in objects', `{${'"a":1,'.repeat(64 * 1024)}"a":1}`],
    ['values', `[${'1,'.repeat(16 * 1024 * 1024 + 1)}1]`],
  ])('%s', (what, text) => {
    expect(() => parsed(text)).toThrow(new RegExp(`the JSON has more than \\d+ ${what}`));
  });

  test('what is written in texts does not count', () => {
    const text = '{"a": [1]}, \\"'.repeat(100_000);
    expect(parsed(JSON.stringify([text, '\\', 'x']))).toEqual([text, '\\', 'x']);
  });

  test('a batch of images as nested lists is not', () => {
    const image = Array.from({ length: 3 }, () => Array<number[]>(224).fill(Array<number>(224).fill(0.5)));
    expect(parsed(JSON.stringify({ data: Array(16).fill(image) }))).toHaveProperty('data.length', 16);
  });

  test('a Full-HD frame of the original, one list for each pixel, is not', () => {
    const row = `[${'[255, 255, 255], '.repeat(1919)}[255, 255, 255]]`;
    expect(parsed(`{"data": [${`${row}, `.repeat(1079)}${row}]}`)).toHaveProperty('data.length', 1080);
  });

  test('a text that does not end is no JSON', () => {
    expect(() => parsed(`"${':'.repeat(70_000)}\\`)).toThrow('the body is not JSON');
  });
});
