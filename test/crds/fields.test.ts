import { expect, test } from '@jest/globals';
import { planFields } from '../../crds/fields.ts';
import { deferredLimits } from '../../crds/lib/joint-inference.ts';
import { validateManifest } from '../../crds/validate.ts';
import { accepted } from '../corpus/lib/manifests.ts';

function fieldsOf(name: string) {
  const found = accepted.find(({ value }) => (value.metadata as { name: string }).name === name);
  const verdict = validateManifest(found?.value);
  if (!verdict.ok) throw new Error(`${name} is not valid`);
  return planFields(verdict.kind, verdict.manifest.spec);
}

const DIGEST = expect.stringMatching(/^[0-9a-f]{64}$/) as unknown;

test('an incremental job plans with names, triggers and placement', () => {
  expect(fieldsOf('helmet-detection-demo')).toEqual({
    dataset: 'incremental-dataset',
    trainProb: 0.8,
    initialModel: 'initial-model',
    deployModel: 'deploy-model',
    hotUpdate: true,
    pollPeriodSeconds: 60,
    outputDir: '/output',
    train: {
      node: 'edge-1',
      templateDigest: DIGEST,
      trigger: {
        checkPeriodSeconds: 60,
        timer: { start: '02:00', end: '20:00' },
        condition: { operator: '>', threshold: 500, metric: 'num_of_samples' },
      },
    },
    eval: { node: 'edge-1', templateDigest: DIGEST },
    deploy: {
      node: 'edge-2',
      templateDigest: DIGEST,
      trigger: { condition: { operator: '>', threshold: 0.1, metric: 'precision_delta' } },
      hardExampleMining: {
        name: 'IBT',
        parameters: [
          { key: 'threshold_img', value: '0.9' },
          { key: 'threshold_box', value: '0.9' },
        ],
      },
    },
  });
  expect(fieldsOf('zone.1')).toMatchObject({ evalModel: 'baseline', hotUpdate: false });
});

test('a joint inference service plans with its two sets; an autoscaler begins with its least number', () => {
  expect(fieldsOf('scaled')).toEqual({
    edge: {
      model: 'little',
      hardExampleMining: { name: 'CrossEntropy' },
      templateDigest: DIGEST,
      replicas: 1,
      autoscaling: { maxReplicas: 2, metrics: [{ type: 'Resource', resource: { name: 'cpu' } }] },
    },
    cloud: {
      model: 'big',
      templateDigest: DIGEST,
      replicas: 1,
      autoscaling: {
        minReplicas: 1,
        maxReplicas: 3,
        behavior: { scaleDown: { stabilizationWindowSeconds: 60 } },
      },
    },
  });
  expect(fieldsOf('deferred')).toMatchObject({
    mode: 'mining-then-inference',
    deferred: { enabled: true, maxAge: '1h30m', quota: '4Mi' },
    hardExamples: { dataset: 'hard' },
    edge: { replicas: 2 },
    cloud: { replicas: 0 },
  });
  const set = { templateDigest: DIGEST, replicas: 1 };
  expect(fieldsOf('tiers')).toEqual({
    edge: { ...set, model: 'little', hardExampleMining: { name: 'CrossEntropy' } },
    tiers: [
      { ...set, name: 'site', model: 'middle', hardExampleMining: { name: 'CrossEntropy' }, replicas: 2 },
      {
        ...set,
        name: 'region-1',
        model: 'larger',
        hardExampleMining: { name: 'Entropy', parameters: [{ key: 'threshold_entropy', value: '0.7' }] },
        autoscaling: { maxReplicas: 3 },
      },
    ],
    cloud: { ...set, model: 'big' },
  });
  expect(fieldsOf('no-tiers')).not.toHaveProperty('tiers');
  expect(deferredLimits({ maxAge: '1h30m', quota: '512Mi' })).toEqual({ maxAgeMs: 5_400_000, quotaBytes: 536_870_912 });
});

test('data sets, models and other kinds', () => {
  expect(fieldsOf('on-s3')).toEqual({ url: 's3://bucket/data/atcii.csv', format: 'csv', nodeName: 'edge-1' });
  expect(fieldsOf('initial-model')).toEqual({ url: '/models/base_model', format: 'ckpt', devices: [] });
  expect(fieldsOf('devices')).toMatchObject({ devices: ['Ascend310', 'null'] });
  expect(fieldsOf('reid')).toEqual({});
});

test('the digest follows the template, not the order of its members; odd templates are survived', () => {
  const base = {
    dataset: { name: 'd', trainProb: 1 },
    initialModel: { name: 'm' },
    trainSpec: { template: {}, trigger: {} },
    evalSpec: { template: {} },
    deploySpec: { model: { name: 'm' }, trigger: {}, template: {}, hardExampleMining: { name: 'IBT' } },
  };
  const evalOf = (template: object) => planFields('IncrementalLearningJob', { ...base, evalSpec: { template } }).eval;
  const digest = (template: object) => evalOf(template).templateDigest;
  expect(digest({ a: 1, b: [{ c: 2, d: 3 }] })).toBe(digest({ b: [{ d: 3, c: 2 }], a: 1 }));
  expect(digest({ b: [1, 2] })).not.toBe(digest({ b: [2, 1] }));
  // SHA-256 of the two bytes "{}".
  expect(digest({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
  expect(evalOf({ spec: { nodeSelector: { zone: 'a', n: 5 }, nodeName: '' } })).toEqual({
    nodeSelector: { zone: 'a' },
    templateDigest: DIGEST,
  });
  for (const spec of [null, 'x', [], { nodeName: 5, nodeSelector: 'x' }]) {
    expect(evalOf({ spec })).toEqual({ templateDigest: DIGEST });
  }
});
