import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../deploy/local/files.ts';
import { EXIT, reportError } from './lib/errors.ts';
import * as apply from './apply.ts';
import * as crds from './crds.ts';
import * as deletion from './delete.ts';
import * as describe from './describe.ts';
import * as doctor from './doctor.ts';
import * as down from './down.ts';
import * as explain from './explain.ts';
import * as fork from './fork.ts';
import * as get from './get.ts';
import * as gm from './gm.ts';
import * as lc from './lc.ts';
import * as logs from './logs.ts';
import * as nodes from './nodes.ts';
import * as reset from './reset.ts';
import * as rounds from './rounds.ts';
import * as simulate from './simulate.ts';
import * as up from './up.ts';
import * as verbs from './verbs.ts';
import * as versions from './version.ts';
import * as wait from './wait.ts';

/** One file per verb, in the order of `sedna --help`. A verb imports what is heavy inside its action: every other one starts faster. */
const VERBS: { register: (program: Command) => void }[] = [
  up,
  down,
  doctor,
  apply,
  get,
  describe,
  explain,
  deletion,
  verbs,
  rounds,
  reset,
  fork,
  wait,
  logs,
  nodes,
  simulate,
  crds,
  gm,
  lc,
  versions,
];

function version(): string {
  const manifest = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  return manifest.version;
}

async function main(): Promise<void> {
  const program = new Command('sedna')
    .description('Edge-cloud AI as custom resources: every sedna.io object is one durable Temporal workflow')
    .version(version(), '-V, --version')
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 server not reached, 5 timed out, 130 interrupted.',
    );
  for (const verb of VERBS) verb.register(program);
  try {
    await program.parseAsync();
  } catch (error) {
    // At once: what a process had begun before it failed (sockets, native threads) would keep it alive.
    if (!(error instanceof CommanderError)) process.exit(reportError(error));
    else process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}

// Whoever reads us may stop early (`sedna crds | head`): that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.ok);
});
await main();
