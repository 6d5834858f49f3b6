const { default: Sequencer } = require('@jest/test-sequencer');
const { statSync } = require('node:fs');
const { relative } = require('node:path');

/** Seconds of files that wait for long. A short file may be one of them: as the last one it would keep a whole run waiting for it alone. */
const long = {
  'test/why/why.test.ts': 120,
  'test/workflows/joint-inference-service.test.ts': 120,
  'test/e2e/demo.test.ts': 100,
  'test/corpus/corpus.test.ts': 90,
  'test/workflows/incremental-learning-job.test.ts': 80,
  'test/workflows/federated-learning-job.test.ts': 80,
  'test/activities/edge/train-client.test.ts': 80,
  'test/cli/up.test.ts': 75,
  'test/e2e/federated.test.ts': 75,
  'test/e2e/sedna-trainers.test.ts': 65,
  'test/e2e/joint-faults.test.ts': 60,
  'test/examples/federated-learning/defects/defects.test.ts': 55,
  'test/cli/simulation/simulate.test.ts': 50,
  'test/workflows/federated-cohorts.test.ts': 50,
  'test/e2e/killed.test.ts': 50,
  'test/e2e/joint.test.ts': 40,
  'test/workflows/continue-as-new.test.ts': 40,
  'test/workflows/federated-worker.test.ts': 40,
  'test/activities/edge/user-aggregator.test.ts': 40,
  'test/e2e/joint-tiers.test.ts': 35,
  'test/workers/lib/gateway/trainer.test.ts': 35,
  'test/examples/federated-learning/mnist-attacked/attacked.test.ts': 35,
  'test/workflows/joint-inference-tiers.test.ts': 30,
  'test/workflows/federated-late.test.ts': 30,
  'test/cli/objects.test.ts': 60,
  'test/workflows/federated-first-weights.test.ts': 25,
  'test/workers/lib/control-heartbeats.test.ts': 25,
  'test/why/messages.test.ts': 60,
  'test/docs/extending.test.ts': 60,
  'test/e2e/thousands.test.ts': 60,
  'test/cli/failing-workflow.test.ts': 20,
  'test/examples/federated-learning/mistnet/features.test.ts': 20,
  'test/workflows/federated-stuck.test.ts': 20,
};
const bytesPerSecond = 1_000;

/** Long files first: as long as they took the last time or, on a machine that has not seen them yet, as said above. */
module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const seconds = new Map(tests.map((test) => [test, this.#seconds(test)]));
    return [...tests].sort((a, b) => seconds.get(b) - seconds.get(a));
  }

  #seconds(test) {
    const known = this.time(test);
    if (known !== undefined && known !== null) return known / 1_000;
    const file = relative(test.context.config.rootDir, test.path).replaceAll('\\', '/');
    return long[file] ?? Math.min(15, statSync(test.path).size / bytesPerSecond);
  }
};
