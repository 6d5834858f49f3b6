/** Every paragraph of docs/errors.md is shown by a golden file, or the reason why not stands here. */
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../deploy/local/files.ts';
import { paragraphOf } from '../../workflows/lib/cures.ts';
import { headings } from '../docs/markdown.ts';
import { golden, goldenNames } from './lib/golden.ts';

const sdkOnly = 'raised by training itself; how a worker reports one is in training-has-too-little-memory';

const unshown: Record<string, string> = {
  DatasetReplaced: 'an event, or the end of a round in a race of milliseconds (test/activities/edge/dataset.test.ts)',
  ...Object.fromEntries(
    ['TooFewClients', 'QuorumLost'].map((name) => [name, 'test/workflows/federated-learning-job.test.ts']),
  ),
  Starting: 'lasts for a moment (test/workflows/lib/incremental/situation.test.ts)',
  WaitingForSlot: 'lasts for a moment unless the node is busy (test/workflows/lib/incremental/situation.test.ts)',
  Error: 'what nobody foresaw',
  WorkflowFailing: 'what nobody foresaw (test/cli/failing-workflow.test.ts)',
  NotReady: 'a component of sedna up that dies at once (test/cli/up.test.ts)',
  NotRunnable: 'a broken binary (test/deploy)',
  NotSupported: 'Windows',
  ObjectsInKubernetes: 'sedna up alone (test/cli/up.test.ts)',
  ...Object.fromEntries(
    ['KeptInKubernetes', 'RefusedByApiServer'].map((name) => [name, 'a command that is refused (test/cli)']),
  ),
  ...Object.fromEntries(
    ['InvalidModel', 'UnsupportedOperator', 'InvalidSamples', 'InvalidWeights', 'InvalidOptions', 'InvalidInput'].map(
      (name) => [name, sdkOnly],
    ),
  ),
  TrainingDiverged: sdkOnly,
  RuntimeFailed: sdkOnly,
};

test('every paragraph is shown by a golden file, or it is said why not', () => {
  const text = goldenNames().map(golden).join('\n');
  const names = headings(readFileSync(join(packageRoot(), 'docs', 'errors.md'), 'utf8'), '###');
  const isShown = (name: string): boolean => new RegExp(`${paragraphOf(name)}\\b`).test(text);
  expect(names.length).toBeGreaterThan(50);
  expect(names.filter((name) => !isShown(name)).sort()).toEqual(Object.keys(unshown).sort());
});

test('there are more than thirty stuck objects, and no golden file is left over from a situation that is gone', () => {
  const stuck = goldenNames().filter((name) => golden(name).startsWith('$ kubectl get'));
  expect(stuck.length).toBeGreaterThanOrEqual(30);
});
