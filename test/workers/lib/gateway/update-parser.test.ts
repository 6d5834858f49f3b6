import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isKept } from '../../../support/denormals.ts';
import { FrameMalformed, UpdateRefused } from '../../../../workers/lib/gateway/frame-errors.ts';
import { UpdateParser, type ParsedFrame } from '../../../../workers/lib/gateway/update-parser.ts';

interface Parsed extends ParsedFrame {
  values: number[];
}

/** Cuts the text at these places (bytes) and hands over one piece after the other, each in memory that is overwritten after. */
function parse(text: string, cuts: number[] = []): Parsed {
  const bytes = Buffer.from(text);
  const parser = new UpdateParser();
  const values: number[] = [];
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let from = 0;
  for (const to of places) {
    const piece = Buffer.from(bytes.subarray(from, to));
    parser.push(piece);
    values.push(...parser.take());
    piece.fill(0x58);
    from = to;
  }
  return { ...parser.end(), values };
}

const frame = (weights: string, rest = ''): string =>
  `{"type": "update_weight", "client": "a", "data": {"num_samples": 3, "weights": ${weights}${rest}}, "job_name": "j"}`;

type Nested = number | Nested[];

/** Rows of unequal length are none. */
function shapeOf(nested: Nested): number[] | undefined {
  if (!Array.isArray(nested)) return [];
  const shapes = nested.map(shapeOf);
  const [first = []] = shapes;
  const isEven = shapes.every((shape) => JSON.stringify(shape) === JSON.stringify(first));
  return isEven ? [nested.length, ...first] : undefined;
}

const flat = (nested: Nested): number[] => (Array.isArray(nested) ? nested.flatMap(flat) : [nested]);

const layer: fc.Arbitrary<Nested> = fc
  .array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 })
  .chain((shape) => nestedOf(shape));

function nestedOf([size, ...rest]: number[]): fc.Arbitrary<Nested> {
  if (size === undefined) return fc.float({ noDefaultInfinity: true, noNaN: true }).filter(isKept);
  return fc.array(nestedOf(rest), { minLength: size, maxLength: size });
}

/** An edit can make a number so small that this thread may take it for zero, of either sign. */
const seen = (value: number): number => (isKept(value) ? value : 0);

const cuts = fc.array(fc.nat(4_000), { maxLength: 12 });
const spaced = fc.constantFrom(undefined, 1, '\t');

describe('frames', () => {
  test('any layers, however the bytes come', () => {
    fc.assert(
      fc.property(fc.array(layer, { maxLength: 5 }), cuts, spaced, (layers, places, space) => {
        const text = JSON.stringify(
          { data: { weights: layers, num_samples: 3 }, type: 'update_weight', 'ключ "]': ['{[', { weights: [1] }] },
          null,
          space,
        );
        const { shapes, values, fields } = parse(text, places);
        expect(shapes).toEqual(layers.map(shapeOf));
        expect(values).toEqual(layers.flatMap(flat).map((value) => value + 0));
        expect(fields).toEqual({ ...(JSON.parse(text) as object), data: { weights: null, num_samples: 3 } });
      }),
      { numRuns: 3_000 },
    );
  });

  test('whatever is done to the bytes: JSON is read as JSON, anything else is refused', () => {
    const edit = fc.record({
      at: fc.nat(300),
      remove: fc.nat(2),
      insert: fc.constantFrom(
        '',
        '[',
        ']',
        ',',
        ' ',
        '1',
        '-',
        '.',
        'e5',
        '0',
        '"',
        '\\',
        '{',
        '}',
        ':',
        'n',
        '\u0001',
      ),
    });
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(
        fc.array(layer, { maxLength: 3 }),
        fc.array(edit, { maxLength: 3 }),
        cuts,
        (layers, edits, places) => {
          let text = frame(JSON.stringify(layers));
          for (const { at, remove, insert } of edits) {
            const place = at % text.length;
            text = text.slice(0, place) + insert + text.slice(place + remove);
          }
          const outcome = outcomeOf(text, places);
          const expected = jsonOf(text);
          if (outcome instanceof FrameMalformed) expect(expected).toBeUndefined();
          else if (!(outcome instanceof UpdateRefused)) {
            expect(expected).toBeDefined();
            const { data } = expected as { data?: { weights?: Nested[] } };
            if (Array.isArray(data?.weights) && outcome.shapes !== undefined) {
              expect(outcome.shapes).toEqual(data.weights.map(shapeOf));
              expect(outcome.values.map(seen)).toEqual(
                data.weights.flatMap(flat).map((value) => seen(Math.fround(value))),
              );
              accepted++;
            }
          } else if (expected !== undefined) {
            const { data } = expected as { data?: { weights?: Nested[] } };
            const isEven = Array.isArray(data?.weights) && data.weights.every((one) => isNumeric(one) && shapeOf(one));
            // A number that does not fit is the other reason.
            if (isEven && outcome.reason !== 'NotFinite') throw outcome;
            refused++;
          }
        },
      ),
      { numRuns: 10_000 },
    );
    expect(accepted).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(10);
  });

  test("Python's words are numbers within the weights, and nothing outside", () => {
    const text = frame('[NaN, [Infinity, -Infinity, 1]]', ', "note": "NaN", "more": NaN');
    for (let cut = 0; cut < text.length; cut++) {
      const { values, shapes, fields } = parse(text, [cut]);
      expect(values).toEqual([NaN, Infinity, -Infinity, 1]);
      expect(shapes).toEqual([[], [3]]);
      expect(fields['data']).toEqual({ num_samples: 3, weights: null, note: 'NaN', more: null });
    }
  });

  test('no weights, or no list of them', () => {
    expect(parse('{"type": "subscribe", "client_id": "a"}')).toEqual({
      fields: { type: 'subscribe', client_id: 'a' },
      values: [],
    });
    expect(parse(frame('7')).shapes).toBeUndefined();
    expect(parse(frame('{"a": [1]}')).shapes).toBeUndefined();
    expect(parse('{"weights": [1], "data": [{"weights": [2]}]}').shapes).toBeUndefined();
  });

  test('a key may be written with escapes; only that of data counts', () => {
    expect(parse('{"d\\u0061ta": {"weights": [[1, 2]]}}').shapes).toEqual([[2]]);
  });
});

describe('refusals', () => {
  const bracket = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

  test.each(
    titled([
      ['[[1, [2]]]', 'ShapeInvalid', /layer 0/],
      ['[1, [[1], 2]]', 'ShapeInvalid', /layer 1/],
      ['[[[1], [[1]]]]', 'ShapeInvalid', /layer 0/],
      ['[[[], 1]]', 'ShapeInvalid', /layer 0/],
      ['[[[], [[]]]]', 'ShapeInvalid', /layer 0/],
      ['[[[1, 2], [3]]]', 'ShapeInvalid', /layer 0/],
      [bracket(18), 'ShapeInvalid', /more than 16 dimensions/],
      [bracket(100_000), 'ShapeInvalid', /more than 16 dimensions/],
      ['[[1, 3.5e38]]', 'NotFinite', /layer 0: 3.5e38 does not fit float32/],
      ['[[1, -1e999]]', 'NotFinite', /-1e999/],
      [`[${'1,'.repeat(65_536)}1]`, 'NotTensors', /65536 layers/],
      ['[1], "weights": [2]', 'NotTensors', /twice/],
    ]),
  )('%s: %s', (_title, reason, message, weights) => {
    const outcome = outcomeOf(frame(weights), []);
    expect(outcome).toBeInstanceOf(UpdateRefused);
    expect(outcome).toMatchObject({ reason, message: expect.stringMatching(message) as unknown });
  });

  test.each(
    titled([
      ['', /not JSON/],
      ['[]', /not a JSON object/],
      ['null', /not a JSON object/],
      ['{"a": 1', /not JSON/],
      [frame('[1, 2'), /not JSON/],
      [frame('[1 2]'), /not JSON: byte \d+/],
      [frame('[1,,2]'), /not JSON: byte \d+/],
      [frame('[1,]'), /not JSON/],
      [frame('[01]'), /not JSON/],
      [frame('["a"]'), /not JSON/],
      [frame('[null]'), /not JSON/],
      [frame('[{}]'), /not JSON/],
      [frame(`[${'1'.repeat(2_000)}]`), /not JSON/],
      [`{"a": "${'x'.repeat(70_000)}"}`, /65536 bytes beside/],
      ['{"a": "\\ud83', /not JSON/],
      [`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, /nested deeper than 100 levels/],
    ]),
  )('%s: malformed', (_title, message, text) => {
    const outcome = outcomeOf(text, []);
    expect(outcome).toBeInstanceOf(FrameMalformed);
    expect(outcome).toMatchObject({ message: expect.stringMatching(message) as unknown });
  });

  test('bytes that are no UTF-8', () => {
    const parser = new UpdateParser();
    parser.push(Buffer.from([...Buffer.from('{"a": "'), 0xff, 0xfe, ...Buffer.from('"}')]));
    expect(() => parser.end()).toThrow(FrameMalformed);
  });
});

/** With the beginning of the text as title, and the text itself last. */
function titled<T extends [string, ...unknown[]]>(cases: T[]): [...T, string][] {
  return cases.map(([text, ...rest]) => [text.slice(0, 40), ...rest, text] as unknown as [...T, string]);
}

function outcomeOf(text: string, places: number[]): Parsed | FrameMalformed | UpdateRefused {
  try {
    return parse(text, places);
  } catch (error) {
    if (error instanceof FrameMalformed || error instanceof UpdateRefused) return error;
    throw error;
  }
}

function isNumeric(nested: unknown): nested is Nested {
  return Array.isArray(nested) ? nested.every(isNumeric) : typeof nested === 'number';
}

function jsonOf(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
