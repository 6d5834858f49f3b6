/** Closes a run with one plain line that any tool can read, and names what was skipped and why it may be. */
module.exports = class SummaryReporter {
  onRunComplete(_contexts, { numPassedTests, numFailedTests, numPendingTests, testResults }) {
    const broken = testResults.filter(({ testExecError }) => testExecError).length;
    const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : '';
    process.stderr.write(`\n${numPassedTests} passed, ${numFailedTests + broken} failed${skipped}\n`);
    if (process.env.CI === 'true' && numPendingTests > 0) {
      process.stderr.write('tests were skipped in CI: a needed component is missing\n');
    }
  }

  getLastError() {
    // In CI a skipped test is a failure: everything that it needs must be there.
    return this.skippedInCi;
  }

  onTestResult(_test, { numPendingTests, testFilePath }) {
    if (process.env.CI === 'true' && numPendingTests > 0) {
      this.skippedInCi ??= new Error(`${testFilePath}: ${numPendingTests} test(s) skipped in CI`);
    }
  }
};
