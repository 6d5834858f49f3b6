import { describe, expect, test } from '@jest/globals';
import { ManifestSyntaxError, parseManifests } from '../../crds/parse.ts';

const values = (text: string | Buffer) => parseManifests(text).map(({ value }) => value);

function problemOf(text: string | Buffer): ManifestSyntaxError {
  try {
    parseManifests(text, 'jobs.yaml');
  } catch (error) {
    if (error instanceof ManifestSyntaxError) return error;
    throw error;
  }
  throw new Error('was read');
}

// What kubectl 1.36 made of each of these in a template, asked with `apply --dry-run=server`.
test.each([
  ['02:00', '02:00'],
  ['190:20:30', '190:20:30'],
  ['1:30.5', '1:30.5'],
  ['2020-01-01', '2020-01-01'],
  ['n', false],
  ['y', true],
  ['on', true],
  ['Off', false],
  ['0644', 420],
  ['0o17', 15],
  ['0x1F', 31],
  ['0b101', 5],
  ['1_000', 1000],
  ['685_230.15', 685230.15],
  ['1e3', 1000],
  ['.5', 0.5],
  ['0800', 800],
  ['=', '='],
  ['<<', '<<'],
  ['!!str 5', '5'],
  ['"\\x41"', 'A'],
])('%s is read as kubectl reads it', (text, expected) => {
  expect(values(`a: ${text}`)).toEqual([{ a: expected }]);
});

describe('documents', () => {
  test('several, with lines; empty ones are skipped', () => {
    expect(parseManifests('---\n# only a comment\n---\na: 1\n---\n\nb: 2\n', 'x.yaml')).toEqual([
      { value: { a: 1 }, line: 4, source: 'x.yaml' },
      { value: { b: 2 }, line: 7, source: 'x.yaml' },
    ]);
    expect(values('')).toEqual([]);
  });

  test('JSON, a byte-order mark, CRLF, anchors and merges', () => {
    expect(values('{"a": [1, null]}')).toEqual([{ a: [1, null] }]);
    expect(values('\uFEFFa: 1\r\nb: x\r\n')).toEqual([{ a: 1, b: 'x' }]);
    expect(values('a: &x {p: 1}\nb: {<<: *x, q: 2}')).toEqual([{ a: { p: 1 }, b: { p: 1, q: 2 } }]);
  });

  test('a List is taken apart', () => {
    expect(values('apiVersion: v1\nkind: List\nitems: [{a: 1}, {b: 2}]')).toEqual([{ a: 1 }, { b: 2 }]);
  });
});

describe('refused, with the place', () => {
  test.each([
    ['a: 1\nb: 2\na: 3', /^jobs\.yaml:3:1: .*unique/],
    ['a:\n\t- b', /^jobs\.yaml:2:1: Tabs/],
    ['ok: 1\n---\na: [', /^jobs\.yaml:3:/],
    ['a: *missing', /^jobs\.yaml:1:.*missing/],
    ['a: "x', /^jobs\.yaml:1:/],
    ['['.repeat(50_000), /nested too deep/],
    ['a: !!js/function x', /^jobs\.yaml:1:/],
  ])('%.20j', (text, message) => {
    expect(problemOf(text).message).toMatch(message);
  });

  test('an alias bomb, quickly', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(9)}*l${i}]`);
    expect(problemOf(`l0: &l0 [x]\n${levels.join('\n')}`).message).toMatch(/alias/i);
  });

  test('what is too large or not text', () => {
    expect(problemOf('#'.repeat(3 * 1024 * 1024 + 1)).message).toMatch(/3145729 bytes; at most 3145728/);
    expect(problemOf(Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe])).message).toMatch(/not UTF-8/);
  });
});
