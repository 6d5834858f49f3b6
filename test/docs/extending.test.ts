/** Follows the table "I want to add …" of docs/architecture.md in a copy of the tree, as somebody new would. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../deploy/local/files.ts';
import { describeTemporal } from '../support/stack.ts';
import { TestNamespace } from '../workflows/support/namespace.ts';
import { CopiedTree } from './support/copied-tree.ts';

const tree = new CopiedTree();

/** Paths that the table names in the row of `what`. */
function places(what: string): string[] {
  const page = readFileSync(join(packageRoot(), 'docs', 'architecture.md'), 'utf8');
  const row = page.split('\n').find((line) => line.startsWith(`| ${what} |`)) ?? '';
  return [...row.matchAll(/`([^`]+\/[^`]*)`/g)].map(([, path = '']) => path);
}

beforeAll(async () => {
  tree.write(
    'crds/toy.ts',
    `import { z } from 'zod';
import { age, phase } from './lib/columns.ts';
import { defineKind } from './lib/kind.ts';
import { statusOf } from './lib/status.ts';

const spec = z.strictObject({ greeting: z.string().min(1, 'must say something') });

export const toy = defineKind({
  kind: 'Toy',
  shortNames: [],
  description: 'Says hello. Available at once.',
  spec,
  status: statusOf({}),
  printerColumns: [phase, age],
});

export type ToySpec = z.infer<typeof spec>;
`,
  );
  tree.insert('crds/registry.ts', 'import { videoAnalyticsJob }', "import { toy } from './toy.ts';\n");
  tree.insert('crds/registry.ts', '];', '  toy,\n');
  tree.insert(
    'crds/fields.ts',
    '/** What a workflow plans with',
    'export interface ToyFields {\n  greeting: string;\n}\n\n',
  );
  tree.insert('crds/fields.ts', '}\n\nexport type PlanFields', '  Toy: ToyFields;\n');
  tree.insert('crds/fields.ts', '    default:', "    case 'Toy':\n      return spec as ToyFields;\n");
  tree.write(
    'workflows/toy.ts',
    `import type { ToyFields } from '../crds/fields.ts';
import { runEntity, type EntityInput, type EntityKind } from './lib/entity.ts';

type State = Record<string, never>;

const toyKind: EntityKind<ToyFields, State> = {
  kind: 'Toy',
  initial: () => ({}),
  plan: () => [],
  status: ({ desired }) => ({
    phase: 'Ready',
    progressing: { status: false, reason: 'Said' },
    available: { status: true, reason: 'Said', message: desired.fields.greeting },
  }),
};

export async function toy(input: EntityInput<ToyFields, State>): Promise<void> {
  await runEntity(toyKind, input);
}
`,
  );
  tree.insert('workflows/index.ts', 'export { incrementalRound }', "export { toy } from './toy.ts';\n");
  tree.write(
    'sdk/algorithms/hard-example-mining/toy.ts',
    `import type { HardExampleMinerFactory } from './miner.ts';

/** Hard when the result says so. */
export const toy: HardExampleMinerFactory = () => (result) => result === 'hard';
`,
  );
  const index = 'sdk/algorithms/hard-example-mining/index.ts';
  tree.insert(index, '\nconst TYPE =', "import { toy } from './toy.ts';\n");
  tree.insert(index, '\n/** Makes the registered', "algorithms.register<HardExampleMinerFactory>(TYPE, 'Toy', toy);\n");
  await tree.node('crds/generate.ts');
}, 60_000);

describe('the table', () => {
  test('names the places where the toys went', () => {
    expect(places('a kind')).toEqual([
      'crds/<kind>.ts',
      'crds/registry.ts',
      'crds/fields.ts',
      'workflows/<kind>.ts',
      'workflows/index.ts',
    ]);
    expect(places('a hard-example filter')).toEqual(['sdk/algorithms/hard-example-mining/']);
  });

  test('leads to code that compiles', async () => {
    expect(await tree.node('node_modules/typescript/bin/tsc', '--noEmit')).toBe('');
  }, 300_000);
});

describe('a toy filter', () => {
  test('is there by its name', async () => {
    const script = `import { hardExampleMiner } from './sdk/index.ts';
      const isHard = hardExampleMiner('Toy');
      console.log(isHard('hard'), isHard('easy'));`;
    expect(await tree.node('--input-type=module-typescript', '-e', script)).toBe('true false\n');
  });
});

describeTemporal('a toy kind', () => {
  const object = (spec: object) => ({ apiVersion: 'sedna.io/v1alpha1', kind: 'Toy', metadata: { name: 'x' }, spec });
  let temporal: TestNamespace;

  beforeAll(async () => {
    temporal = await TestNamespace.open();
    const workflowsPath = join(tree.root, 'workflows', 'index.ts');
    const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
    await temporal.control(undefined, { workflowBundle });
  }, 60_000);
  afterAll(() => temporal.close());

  test('has a definition', () => {
    expect(existsSync(join(tree.root, 'crds', 'yaml', 'sedna.io_toys.yaml'))).toBe(true);
  });

  test('is judged and planned', async () => {
    const script = `import { validateManifest } from './crds/validate.ts';
      import { planFields } from './crds/fields.ts';
      const [good, bad] = ${JSON.stringify([object({ greeting: 'hello' }), object({ greeting: '' })])}.map(validateManifest);
      console.log(JSON.stringify({ fields: planFields('Toy', good.manifest.spec), errors: bad.errors }));`;
    expect(JSON.parse(await tree.node('--input-type=module-typescript', '-e', script))).toEqual({
      fields: { greeting: 'hello' },
      errors: [{ path: 'spec.greeting', message: 'must say something' }],
    });
  });

  test('is an entity with a status', async () => {
    const ref = { kind: 'Toy', namespace: 'default', name: 'x' };
    await temporal.apply(ref, { fields: { greeting: 'hello' } });
    const { status } = await temporal.view(ref);
    expect(status).toMatchObject({ phase: 'Ready', observedGeneration: 1 });
    expect(status['conditions']).toContainEqual(
      expect.objectContaining({ type: 'Available', status: 'True', message: 'hello' }),
    );
    await temporal.signal(ref, 'remove');
    await temporal.ended(ref);
  });
});
