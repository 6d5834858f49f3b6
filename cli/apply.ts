import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { parseManifests } from '../crds/parse.ts';
import { formatErrors, validateManifest } from '../crds/validate.ts';
import type { Manifest } from '../crds/lib/kind.ts';
import { CliError, EXIT } from './lib/errors.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { withSession } from './lib/session.ts';

interface ApplyOptions extends NamespaceOption {
  filename: string[];
  dryRun?: boolean;
}

export function register(program: Command): void {
  withNamespace(
    program
      .command('apply')
      .description('create or change objects; every file is judged before anything is applied')
      .requiredOption('-f, --filename <file...>', 'YAML or JSON files, - for standard input')
      .option('--dry-run', 'judge only'),
  ).action(async (options: ApplyOptions) => {
    const manifests = options.filename.flatMap((file) => read(file, options.namespace));
    if (manifests.length === 0)
      throw new CliError('no object in these files', { code: 'NothingToApply', exitCode: EXIT.usage });
    if (options.dryRun === true) {
      for (const { kind, metadata } of manifests) console.log(`${kind.toLowerCase()}/${metadata.name} valid (dry run)`);
      return;
    }
    await withSession(async ({ objects }) => {
      for (const manifest of manifests) {
        const verdict = await objects.apply(manifest);
        console.log(`${manifest.kind.toLowerCase()}/${manifest.metadata.name} ${verdict}`);
      }
    });
  });
}

function read(file: string, namespace: string): Manifest[] {
  const text = readFileSync(file === '-' ? 0 : file);
  return parseManifests(text, file).map(({ value, line, source }) => {
    const verdict = validateManifest(value);
    if (!verdict.ok) {
      throw new CliError(`${source}:${line}: not valid\n${formatErrors(verdict.errors).replace(/^/gm, '  ')}`, {
        code: 'InvalidSpec',
        hint: 'nothing was applied',
      });
    }
    const { metadata } = verdict.manifest;
    return { ...verdict.manifest, metadata: { ...metadata, namespace: metadata.namespace ?? namespace } };
  });
}
