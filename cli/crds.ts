import type { Command } from 'commander';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../deploy/local/files.ts';

export function register(program: Command): void {
  program
    .command('crds')
    .description('print the CustomResourceDefinitions: sedna crds | kubectl apply -f -')
    .action(() => {
      const directory = join(packageRoot(), 'crds', 'yaml');
      const documents = readdirSync(directory)
        .filter((file) => file.endsWith('.yaml'))
        .sort()
        .map((file) =>
          readFileSync(join(directory, file), 'utf8')
            .replace(/^---\n/, '')
            .trimEnd(),
        );
      process.stdout.write(`${documents.join('\n---\n')}\n`);
    });
}
