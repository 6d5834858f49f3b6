import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../deploy/local/files.ts';
import { outliveReaders } from './lib/broken-pipe.ts';
import { commandsFor } from './lib/commands.ts';
import { EXIT, reportError } from './lib/errors.ts';

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
  for (const commands of await commandsFor(process.argv.slice(2))) commands.register(program);
  try {
    await program.parseAsync();
  } catch (error) {
    // At once: what a process had begun before it failed (sockets, native threads) would keep it alive.
    if (!(error instanceof CommanderError)) process.exit(reportError(error));
    else process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}

outliveReaders(process.argv[2]);
await main();
