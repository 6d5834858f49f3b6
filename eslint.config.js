import tseslint from 'typescript-eslint';

const builtins = ['node:*', 'fs', 'path', 'os', 'child_process', 'crypto', 'http', 'net', 'stream', 'worker_threads'];

/** Forbids imports by pattern; `why` is what a person reads when the rule fires. */
function forbid(files, groups, ignores = []) {
  return {
    files,
    ignores,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: groups.map(([group, why, allowTypeImports = false]) => ({ group, message: why, allowTypeImports })),
        },
      ],
    },
  };
}

const kubeOnly = [['@kubernetes/*'], 'The Kubernetes client lives in workers/kube and activities/control/kube only.'];
const onnxOnly = [['onnxruntime-node'], 'ONNX Runtime lives in sdk/estimators/onnx only.'];
const s3Only = [['@aws-sdk/*'], 'The S3 client lives in sdk/storage only.'];
const temporalFree = [['@temporalio/*'], 'This layer knows nothing of Temporal.'];
const above = (...dirs) => [
  dirs.map((d) => `**/${d}/**`),
  'Import direction: crds < sdk, workflows < activities < workers < cli.',
];

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', '.sedna/', 'test/histories/'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js', 'cli/*.js', 'test/support/*.cjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
      'max-lines': ['warn', { max: 300, skipBlankLines: true, skipComments: true }],
      complexity: ['warn', 12],
      'max-depth': ['warn', 4],
      'max-params': ['warn', 4],
    },
  },
  forbid(
    ['crds/**/*.ts'],
    [above('sdk', 'workflows', 'activities', 'workers', 'cli'), temporalFree, kubeOnly, onnxOnly, s3Only],
  ),
  forbid(
    ['sdk/**/*.ts'],
    [above('workflows', 'activities', 'workers', 'cli'), temporalFree, kubeOnly, s3Only, onnxOnly],
    ['sdk/estimators/onnx/**', 'sdk/storage/**'],
  ),
  forbid(
    ['sdk/estimators/onnx/**/*.ts'],
    [above('workflows', 'activities', 'workers', 'cli'), temporalFree, kubeOnly, s3Only],
  ),
  forbid(
    ['sdk/storage/**/*.ts'],
    [above('workflows', 'activities', 'workers', 'cli'), temporalFree, kubeOnly, onnxOnly],
  ),
  forbid(
    ['workflows/**/*.ts'],
    [
      [builtins, 'Workflow code is deterministic: no Node built-ins.'],
      [
        ['zod', '@temporalio/client', '@temporalio/worker', '@temporalio/activity'],
        'Workflows import @temporalio/workflow only.',
      ],
      [['**/sdk/**', '**/workers/**', '**/cli/**'], 'Workflows import types of crds and activities/contracts only.'],
      [['**/crds/**', '**/activities/**'], 'Workflows import types of crds and activities/contracts only.', true],
      kubeOnly,
      onnxOnly,
    ],
  ),
  {
    files: ['workflows/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...[
          'Program > VariableDeclaration[kind="let"]',
          'Program > ExportNamedDeclaration > VariableDeclaration[kind="let"]',
          'PropertyDefinition[static=true][readonly!=true]',
        ].map((selector) => ({
          selector,
          message: 'All workflows in memory share one copy of a module: state belongs into the workflow.',
        })),
      ],
    },
  },
  forbid(['activities/**/*.ts'], [above('workers', 'cli'), onnxOnly, s3Only, kubeOnly], ['activities/control/kube/**']),
  forbid(['activities/control/kube/**/*.ts'], [above('workers', 'cli'), onnxOnly, s3Only]),
  forbid(['workers/**/*.ts'], [above('cli'), onnxOnly, s3Only, kubeOnly], ['workers/kube/**']),
  forbid(['cli/**/*.ts'], [onnxOnly, s3Only, kubeOnly]),
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      'max-lines': 'off',
    },
  },
  { files: ['**/*.js', '**/*.cjs'], ...tseslint.configs.disableTypeChecked },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
);
