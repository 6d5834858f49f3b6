import { describe, expect, test } from '@jest/globals';
import { AlgorithmRegistry, algorithms, hardExampleMiner } from '../../../sdk/index.ts';
import { uncertainty } from '../../../sdk/algorithms/hard-example-mining/index.ts';
import { random } from '../../../sdk/algorithms/hard-example-mining/random.ts';

const boxes = (...scores: number[]) => scores.map((score) => [0, 0, 1, 1, score, 'helmet']);

// Scores .4 .6, .6 .7 .4 and .95 .95 .8 are the values measured with the original.
describe('IBT', () => {
  test.each([
    [{}, boxes(0.4, 0.6), true],
    [{}, boxes(0.6, 0.7, 0.4), false],
    [{ threshold_img: '0.9', threshold_box: '0.9' }, boxes(0.95, 0.95, 0.8), true],
    [{}, boxes(0.5), true], // a score equal to the threshold counts as low
    [{}, boxes(0.1, 1.1), false],
    [{}, [[0, 0, 1, 1]], false],
    [{}, [], false],
    [{}, null, false],
    [{}, [0.1, 0.9], false],
  ])('%j on %j: %s', (parameters, result, hard) => {
    expect(hardExampleMiner('IBT', parameters)(result)).toBe(hard);
  });
});

describe('Threshold', () => {
  test.each([
    [{}, boxes(0.4, 0.5), true],
    [{}, boxes(0.4, 0.6), false], // the mean is 0.5, not below it
    [{ threshold: '0.9' }, boxes(0.8, 0.9), true],
    [
      {},
      [
        [0, 0, 1, 1, 0.1],
        [0, 0, 1, 1],
      ],
      false,
    ],
    [{}, undefined, false],
  ])('%j on %j: %s', (parameters, result, hard) => {
    expect(hardExampleMiner('Threshold', parameters)(result)).toBe(hard);
  });
});

describe('CrossEntropy', () => {
  test.each([
    // 1 - H/ln 2: H(.5,.5) = ln 2 -> 0; H(.9,.1) = .3251 -> .5310; H(.89,.11) -> .5001
    [{}, [0.5, 0.5], true],
    [{}, [0.9, 0.1], false],
    [{ threshold_cross_entropy: '0.54' }, [0.9, 0.1], true],
    [{ threshold_cross_entropy: 0.52 }, [0.9, 0.1], false],
    [{}, [1, 0], false], // the original fails here: p·ln p is 0 at 0
    [{}, [0.5, 0.5, 0, 0], false], // exactly 0.5
    [{ threshold_cross_entropy: 0.51 }, [0.5, 0.5, 0, 0], true],
    [{ threshold_cross_entropy: 2 }, [1], false], // one class alone
    [{}, [0.5, 1.5], false],
    [{}, [NaN, 0.5], false],
    [{}, [], false],
    [{}, new Float32Array([0.5, 0.5]), true],
  ])('%j on %j: %s', (parameters, result, hard) => {
    expect(hardExampleMiner('CrossEntropy', parameters)(result)).toBe(hard);
  });
});

describe('Margin', () => {
  test.each([
    [{}, [0.75, 0.25], false], // 0.5 apart, not below it
    [{}, [0.1, 0.69, 0.21], true],
    [{ threshold_margin: '0.4' }, [0.1, 0.69, 0.21], false],
    [{}, [0.5, 0.5], true],
    [{ threshold_margin: 2 }, [1], false],
    [{}, [0.5, 1.5], false],
    [{}, undefined, false],
  ])('%j on %j: %s', (parameters, result, hard) => {
    expect(hardExampleMiner('Margin', parameters)(result)).toBe(hard);
  });
});

describe('Entropy', () => {
  test.each([
    // H/ln 2: H(.9,.1) = .3251 -> .4690
    [{}, [0.9, 0.1], false],
    [{ threshold_entropy: '0.46' }, [0.9, 0.1], true],
    [{}, [0.5, 0.5, 0, 0], false], // exactly 0.5
    [{ threshold_entropy: 0.49 }, [0.5, 0.5, 0, 0], true],
    [{ threshold_entropy: -1 }, [1], false],
    [{}, [NaN, 0.5], false],
    [{}, boxes(0.1), false],
  ])('%j on %j: %s', (parameters, result, hard) => {
    expect(hardExampleMiner('Entropy', parameters)(result)).toBe(hard);
  });
});

test.each([
  [[0.5, 0.5], 1],
  [[1, 0], 0],
  [[0.75], 0.25],
  [boxes(0.5, 0.75), 0.375],
  [boxes(1.5), 0.5],
  ['text', 0.5],
])('the uncertainty of %j is %f', (result, value) => {
  expect(uncertainty(result)).toBeCloseTo(value, 12);
});

describe('Random, CloudOnly, EdgeOnly', () => {
  test('the ratio is a probability, also as text', () => {
    const draws = [0, 0.29, 0.3, 0.99];
    const next = () => draws.shift() ?? NaN;
    const miner = random({ random_ratio: '0.3' }, next);
    expect([miner(0), miner(0), miner(0), miner(0)]).toEqual([true, true, false, false]);
    expect(hardExampleMiner('Random', { random_ratio: 1 })(null)).toBe(true);
    expect(hardExampleMiner('Random', { random_ratio: '0' })(null)).toBe(false);
  });

  test('all and nothing', () => {
    expect(hardExampleMiner('CloudOnly')(boxes(1))).toBe(true);
    expect(hardExampleMiner('EdgeOnly')(boxes(0))).toBe(false);
  });
});

test('a parameter that is no number is named', () => {
  expect(() => hardExampleMiner('IBT', { threshold_img: 'high' })).toThrow(
    /"threshold_img": must be a number, not "high"/,
  );
});

describe('the registry', () => {
  test('knows the names of the original and lists them when asked for another', () => {
    const names = 'BertRouter, CloudOnly, CrossEntropy, EdgeOnly, Entropy, IBT, Margin, Random, Threshold'.split(', ');
    expect(algorithms.names('hard_example_mining')).toEqual(names);
    expect(() => hardExampleMiner('ibt')).toThrow(
      `"ibt" is not registered as hard_example_mining; registered: ${names.join(', ')}`,
    );
    expect(() => hardExampleMiner('constructor')).toThrow(/is not registered/);
  });

  test('refuses a second algorithm of the same name', () => {
    const registry = new AlgorithmRegistry();
    registry.register('aggregation', 'FedAvg', 1);
    expect(() => registry.register('aggregation', 'FedAvg', 2)).toThrow(/"FedAvg" is already registered/);
    expect(registry.register('general', 'FedAvg', 3)).toBe(3);
    expect(registry.get('aggregation', 'FedAvg')).toBe(1);
    expect(() => registry.get('optical_flow', 'x')).toThrow(/types with algorithms: aggregation, general/);
    expect(registry.has('aggregation', 'toString')).toBe(false);
  });
});
