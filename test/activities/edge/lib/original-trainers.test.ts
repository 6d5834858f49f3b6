import { expect, test } from '@jest/globals';
import { aggregatorAt, refusePlato } from '../../../../activities/edge/lib/original-trainers.ts';

const example = 'kubeedge/sedna-example-federated-learning';

test.each([
  `${example}-mistnet-yolo-client:v0.4.0`,
  `registry.local:5000/${example}-mistnet-yolo-aggregator`,
  `${example}-surface-defect-detection-v2-train:v0.6.0`,
  `${example}-surface-defect-detection-train:v0.4.0`,
  `${example}-surface-defect-detection-train`,
  `${example}-surface-defect-detection-train@sha256:${'a'.repeat(64)}`,
])('%s is of the second version', (image) => {
  expect(() => refusePlato(image)).toThrow(`image ${image}: trains with Plato`);
});

test('an aggregator of the second version is told what can be one', () => {
  const image = `${example}-surface-defect-detection-aggregation:v0.4.0`;
  expect(() => refusePlato(image, 'Aggregation')).toThrow(
    /aggregates with Plato .*; use an image that runs AggregationServer/,
  );
  expect(() => refusePlato(image.replace('v0.4', 'v0.3'), 'Aggregation')).not.toThrow();
});

test.each([
  `${example}-surface-defect-detection-train:v0.3.0`,
  'example/federated-learning-train:v0.4.0',
  'surface-defect-detection-train:v1',
])('%s may be of the first', (image) => {
  expect(() => refusePlato(image)).not.toThrow();
});

test('the aggregation server of a trainer is its local controller', () => {
  expect(aggregatorAt('http://127.0.0.1:9100')).toEqual({ AGG_IP: '127.0.0.1', AGG_PORT: '9100' });
  expect(aggregatorAt('http://[::1]:9100')).toEqual({ AGG_IP: '[::1]', AGG_PORT: '9100' });
});
