import { expect, test } from '@jest/globals';
import { userAggregator } from '../../../../sdk/algorithms/aggregation/index.ts';

const path = 'spec.aggregation.parameters';

test('what is left out has a default; numbers may be text', () => {
  expect(userAggregator()).toEqual({ aggregation: 'FedAvg', timeoutSeconds: 600 });
  expect(userAggregator({ aggregation: 'Own', timeoutSeconds: '5' })).toEqual({
    aggregation: 'Own',
    timeoutSeconds: 5,
  });
});

test.each([
  [{ colour: 'red' }, `${path}.colour: is no parameter of this strategy; it has aggregation, timeoutSeconds`],
  [{ aggregation: '../etc' }, `${path}.aggregation: must be the name of the aggregator's class`],
  [{ timeoutSeconds: 0 }, `${path}.timeoutSeconds: must be a number above 0 and at most 86400`],
  [{ timeoutSeconds: 'soon' }, `${path}.timeoutSeconds: must be a number`],
])('%j is refused by name', (parameters, message) => {
  expect(() => userAggregator(parameters)).toThrow(message);
});
