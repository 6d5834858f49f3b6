import { expect, test } from '@jest/globals';
import { Random } from '../../../../sdk/estimators/onnx/index.ts';
import { JointInference, readWorkerConfig } from '../../../../sdk/index.ts';

const inputs = 10_000;
const threshold = 0.6;

/** The rule of section 5.1 of the lib reference, written down once more: 1 - H / ln n < threshold, and all of them probabilities. */
function isHard(probabilities: readonly number[]): boolean {
  if (probabilities.length < 2 || probabilities.some((p) => !(p >= 0 && p <= 1))) return false;
  let entropy = 0;
  for (const p of probabilities) if (p > 0) entropy -= p * Math.log(p);
  return 1 - entropy / Math.log(probabilities.length) < threshold;
}

function probabilities(random: Random): number[] {
  const count = 1 + Math.floor(10 * random.uniform());
  const scores = Array.from({ length: count }, () => Math.exp(12 * random.uniform()));
  const sum = scores.reduce((total, score) => total + score, 0);
  return scores.map((score) => score / sum + (random.uniform() < 0.01 ? 1 : 0));
}

test('of 10,000 inputs the cloud is asked about exactly those that the rule finds hard, once each', async () => {
  const asked: number[][] = [];
  const joint = new JointInference<number[], number[]>({
    config: readWorkerConfig({
      LC_PERIOD: '3600',
      HEM_NAME: 'CrossEntropy',
      HEM_PARAMETERS: `[{"key":"threshold_cross_entropy","value":"${threshold}"}]`,
    }),
    estimator: { predict: (input) => Promise.resolve([...input]) },
    bigModel: { infer: async (input) => (asked.push(input), 'cloud') },
  });
  const random = new Random(6);
  const given = Array.from({ length: inputs }, () => probabilities(random));
  const hard = given.filter(isHard);
  for (const input of given) {
    const { isHard: found, result, decision } = await joint.inference(input);
    const expected = isHard(input);
    expect([found, result, decision.answeredBy]).toEqual(expected ? [true, 'cloud', 'cloud'] : [false, input, 'edge']);
  }
  expect(asked).toEqual(hard);
  expect(hard.length).toBeGreaterThan(1_000);
  expect(hard.length).toBeLessThan(9_000);
  await joint.close();
}, 60_000);
