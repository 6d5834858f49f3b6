export default {
  testEnvironment: './test/support/node-realm-environment.cjs',
  globalSetup: './test/support/global-setup.ts',
  globalTeardown: './test/support/global-teardown.ts',
  testMatch: [
    '<rootDir>/test/**/*.test.ts',
    // Needs the library of another project, which is not here. Not by `testPathIgnorePatterns`: test/main.ts gives its own.
    ...(process.env.SEDNA_LIB === undefined ? ['!**/test/compatibility/**'] : []),
  ],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.sedna/'],
  testSequencer: './test/support/longest-first.cjs',
  reporters: ['default', './test/support/summary-reporter.cjs'],
  maxWorkers: 2,
  testTimeout: 60_000,
};
