/** `npm run demo -- [incremental | federated | joint] [-o json] [--keep] [--standalone]`: one story per paradigm, told while it happens. */
import { federatedDemo } from './federated-learning/mnist/demo.ts';
import { incrementalDemo } from './incremental-learning/mnist/demo.ts';
import { jointDemo } from './joint-inference/mnist/demo.ts';
import { parseOptions, usage } from './lib/options.ts';
import { runDemo } from './lib/run-demo.ts';

const demos = { incremental: incrementalDemo, federated: federatedDemo, joint: jointDemo };

const options = parseOptions(process.argv.slice(2));
if ('help' in options) console.log(usage);
else if ('error' in options) {
  console.error(`error: ${options.error}\n\n${usage}`);
  process.exitCode = 2;
} else process.exitCode = await runDemo(options, demos[options.demo]);
