import { beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { HardExampleLog } from '../../../sdk/ready-made/lib/hard-example-log.ts';
import type { Tensors } from '../../../sdk/index.ts';

let file: string;
beforeEach(() => {
  file = join(mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'hard-')), 'index');
});

const floats = (...values: number[]): Tensors => ({
  t: { datatype: 'float32', shape: [1, values.length], data: Float32Array.from(values) },
});
const image: Tensors = { t: { datatype: 'string', shape: [1], data: [Uint8Array.of(1, 2, 255)] } };
const boxes: Tensors = {
  boxes: { datatype: 'float32', shape: [1, 2, 6], data: Float32Array.of(0, 0, 1, 1, 0.5, 7, 0, 0, 0, 0, 0, -1) },
  count: { datatype: 'int32', shape: [1], data: Int32Array.of(1) },
};
const lines = () => readFileSync(file, 'utf8').split('\n');

test('json: the class of scores, boxes as they are, images as base64', async () => {
  const log = new HardExampleLog({ url: file, format: 'json' });
  await log.append(floats(0.5, 1), floats(0.25, 0.75));
  await log.append(image, boxes);
  expect(lines()).toEqual([
    '{"x":[0.5,1],"label":1,"labelledBy":"big-model"}',
    '{"x":["AQL/"],"label":[[0,0,1,1,0.5,7]],"labelledBy":"big-model"}',
    '',
  ]);
});

test('csv: a header for a new table; the columns of another one are left alone, by name', async () => {
  await new HardExampleLog({ url: file, format: 'csv' }).append(floats(0.5, 1), floats(0.25, 0.75));
  await new HardExampleLog({ url: file, format: 'csv' }).append(floats(2, 3), boxes);
  const table = ['x0,x1,label,labelledBy', '0.5,1,1,big-model', '2,3,"[[0,0,1,1,0.5,7]]",big-model', ''];
  expect(lines()).toEqual(table);
  await expect(new HardExampleLog({ url: file, format: 'csv' }).append(floats(1), floats(1))).rejects.toThrow(
    `spec.hardExamples.dataset: the columns of ${file} are not x0 … x0, label, labelledBy`,
  );
  expect(lines()).toEqual(table);
});

test('several that begin a table at the same time: it has one header', async () => {
  const logs = Array.from({ length: 8 }, () => new HardExampleLog({ url: file, format: 'csv' }));
  await Promise.all(logs.map((log) => log.append(floats(0.5, 1), floats(0.25, 0.75))));
  expect(lines()).toEqual(['x0,x1,label,labelledBy', ...Array<string>(8).fill('0.5,1,1,big-model'), '']);
  expect(readdirSync(dirname(file))).toEqual(['index']);
});

test('one that may be there already is not appended twice, whatever is around it', async () => {
  const text: Tensors = { t: { datatype: 'string', shape: [1], data: ['two\nlines'] } };
  const log = new HardExampleLog({ url: file, format: 'csv' });
  for (const again of [true, true, false, true]) await log.append(text, floats(0.25, 0.75), { again });
  const row = ['"two', 'lines",1,big-model'];
  expect(lines()).toEqual(['x0,label,labelledBy', ...row, ...row, '']);
  // Over the border of what is read at once.
  const others = `x0,label,labelledBy\n${'0,1,big-model\n'.repeat(4_679)}0,1,x\n`;
  const last = '0.5,1,big-model\n';
  expect([others.length, others.length + last.length].map((at) => Math.floor(at / 65_536))).toEqual([0, 1]);
  writeFileSync(file, others + last);
  for (const value of [0.5, 0.25, 0.5]) await log.append(floats(value), floats(0, 1), { again: true });
  expect(readFileSync(file, 'utf8')).toBe(`${others}${last}0.25,1,big-model\n`);
});

test('what a killed process left half-written is closed', async () => {
  writeFileSync(file, '{"x":[1');
  await new HardExampleLog({ url: file, format: 'json' }).append(floats(0.5, 1), floats(1, 0));
  expect(lines()).toEqual(['{"x":[1', '{"x":[0.5,1],"label":0,"labelledBy":"big-model"}', '']);
});

test.each([
  [{ url: '/x', format: 'txt' }, /its format is txt/],
  [{ url: 's3://bucket/x', format: 'json' }, /is no file of this node/],
])('%j is refused', (given, message) => {
  expect(() => new HardExampleLog(given)).toThrow(message);
});
