import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { kinds } from '../../crds/registry.ts';
import { formatErrors, validateManifest } from '../../crds/validate.ts';
import { accepted, refused } from '../corpus/lib/manifests.ts';

function manifestOf(object: unknown) {
  const verdict = validateManifest(object);
  if (!verdict.ok) throw new Error(formatErrors(verdict.errors));
  return verdict.manifest;
}

function errorsOf(object: unknown) {
  const verdict = validateManifest(object);
  return verdict.ok ? [] : verdict.errors;
}

const dataset = (members: object) => ({
  apiVersion: 'sedna.io/v1alpha1',
  kind: 'Dataset',
  metadata: { name: 'd' },
  spec: { url: '/d/x.txt', format: 'txt', nodeName: 'edge-1' },
  ...members,
});

test('every kind is in the accept corpus', () => {
  const seen = new Set(accepted.map(({ value }) => value.kind));
  expect([...seen].sort()).toEqual(kinds.map(({ kind }) => kind).sort());
});

test.each(accepted)('accepts $name', ({ value }) => {
  expect(manifestOf(value).kind).toBe(value.kind);
});

test.each(refused)('refuses $name', ({ value, path }) => {
  expect(new Set(errorsOf(value).map((error) => error.path))).toEqual(new Set([path]));
});

test('refuses a federation of more clients than one job can hold', () => {
  const worker = { dataset: { name: 'd' }, template: {} };
  const job = (count: number) => ({
    apiVersion: 'sedna.io/v1alpha1',
    kind: 'FederatedLearningJob',
    metadata: { name: 'large' },
    spec: { aggregationWorker: { model: { name: 'm' }, template: {} }, trainingWorkers: Array(count).fill(worker) },
  });
  expect(errorsOf(job(10_000))).toEqual([]);
  expect(errorsOf(job(10_001))).toMatchObject([
    { path: 'spec.trainingWorkers', message: expect.stringContaining('at most 10,000') },
  ]);
});

describe('the manifest of a verdict', () => {
  const [helmet, smallest] = accepted
    .filter(({ value }) => ['helmet-detection-demo', 'smallest'].includes((value.metadata as { name: string }).name))
    .map(({ value }) => manifestOf(value) as { spec: { trainSpec: unknown; deploySpec: Record<string, unknown> } });

  test('keeps templates whole, and times as text', () => {
    expect(helmet).toMatchObject({
      spec: {
        trainSpec: {
          template: {
            metadata: { labels: { app: 'helmet' } },
            spec: { nodeName: 'edge-1', containers: [{ resources: { limits: { memory: '2Gi', cpu: 1 } } }] },
          },
          trigger: { timer: { start: '02:00', end: '20:00' } },
        },
      },
    });
  });

  test('has defaults, also for null, and no members for other nulls', () => {
    expect(smallest?.spec.deploySpec.model).toEqual({ name: 'm', pollPeriodSeconds: 60 });
    expect(smallest?.spec).toMatchObject({ evalSpec: { template: {} } });
    expect(smallest?.spec).not.toHaveProperty('evalSpec.initialEvalModel');
    // Inside a template null is the user's business.
    expect(smallest?.spec.deploySpec.template).toEqual({ metadata: null, spec: { containers: [] } });
  });

  test('has no status', () => {
    expect(manifestOf(dataset({ status: { numberOfSamples: 1 } }))).not.toHaveProperty('status');
  });
});

describe('messages', () => {
  test.each([
    [
      { spec: { url: 's3:/x', format: 'txt', nodeName: 'e' } },
      'spec.url: must be one file: an absolute path on the node',
    ],
    [
      { spec: { url: '/x', fromat: 'txt', nodeName: 'e' } },
      'spec.fromat: is not a known field; did you mean "format"?',
    ],
    [{ spec: { url: '/x', format: 'txt', nodeName: 'e', zzz: 1 } }, 'spec.zzz: is not a known field; known here: url,'],
    [{ spec: { url: 5, format: 'txt', nodeName: 'e' } }, 'spec.url: must be a string, not the number 5'],
    [{ spec: { url: '/x', nodeName: 'e' } }, 'spec.format: is required'],
    [{ kind: 'DataSet' }, 'kind: "DataSet" is not a kind of sedna.io/v1alpha1; known: Dataset, Model'],
    [{ kind: 'dataset' }, 'kind: "dataset" is not a kind'],
    [{ apiVersion: 'sedna.io/V1alpha1' }, 'apiVersion: must be sedna.io/v1alpha1'],
    [{ metadata: {} }, 'metadata.name: is required'],
    [{ metadata: undefined }, 'metadata: is required'],
    [{ metadata: { name: 'd', namespace: 'a.b' } }, 'metadata.namespace: must be a DNS label'],
    [{ metadata: { name: 'd', labels: { a: 1 } } }, 'metadata.labels.a: must be a string, not the number 1'],
    [{ metadata: { name: '😀' } }, 'metadata.name: must be a DNS name'],
  ])('%j', (members, message) => {
    expect(formatErrors(errorsOf(dataset(members)))).toContain(message);
  });

  test('not an object at all', () => {
    for (const value of [null, undefined, 5, 'x', [], [{}]]) expect(errorsOf(value)).not.toEqual([]);
  });
});

test('__proto__ is refused wherever it is, and nothing is polluted', () => {
  const object = dataset({ spec: JSON.parse('{"url":"/x","format":"txt","nodeName":"e","__proto__":{"polluted":1}}') });
  expect(errorsOf(object)).toEqual([{ path: 'spec.__proto__', message: 'is not allowed as a key' }]);
  expect({}).not.toHaveProperty('polluted');
});

test('numbers that JSON cannot write are refused inside templates too', () => {
  const spec = { template: { spec: { x: [1, Infinity] } } };
  const object = { apiVersion: 'sedna.io/v1alpha1', kind: 'ReidJob', metadata: { name: 'r' }, spec };
  expect(errorsOf(object)).toEqual([{ path: 'spec.template.spec.x[1]', message: 'must be a finite number' }]);
});

test('nesting that would exhaust the stack is refused', () => {
  let deep: unknown = 'x';
  for (let i = 0; i < 100_000; i++) deep = { deep };
  expect(errorsOf(dataset({ metadata: { name: 'd', deep } }))[0]?.message).toMatch(/nested deeper than 200/);
});

test('never throws, and what it accepts it accepts again unchanged', () => {
  const anything = fc.anything({ withBigInt: false, withNullPrototype: false });
  const nearly = fc.record({
    apiVersion: fc.constant('sedna.io/v1alpha1'),
    kind: fc.constantFrom(...kinds.map(({ kind }) => kind)),
    metadata: fc.oneof(anything, fc.constant({ name: 'x' })),
    spec: fc.oneof(
      anything,
      fc.record({ url: fc.oneof(anything, fc.constant('/x')), format: fc.constant('txt'), nodeName: fc.constant('e') }),
    ),
  });
  fc.assert(
    fc.property(fc.oneof(anything, nearly), (value) => {
      const verdict = validateManifest(value);
      if (verdict.ok) expect(validateManifest(verdict.manifest)).toEqual(verdict);
      else expect(verdict.errors.length).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});
