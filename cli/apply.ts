import type { Command } from 'commander';
import { ManifestSyntaxError, type ParsedDocument } from '../crds/parse.ts';
import { formatErrors, validateManifest } from '../crds/validate.ts';
import type { Manifest } from '../crds/lib/kind.ts';
import { CliError, EXIT } from './lib/errors.ts';
import { readDocuments } from './lib/manifest-files.ts';
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
    const manifests = readAll(options);
    if (manifests.length === 0)
      throw new CliError('no object in these files', {
        code: 'NothingToApply',
        hint: 'each document needs apiVersion, kind, metadata and spec',
        exitCode: EXIT.usage,
      });
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

/** Every document of every file is judged, so that one look shows all that is wrong. */
function readAll({ filename, namespace }: ApplyOptions): Manifest[] {
  const problems: string[] = [];
  const manifests: Manifest[] = [];
  for (const file of filename) {
    for (const { value, line, source } of documents(file, problems)) {
      const verdict = validateManifest(value);
      if (!verdict.ok) {
        problems.push(`${source}:${line}: not valid\n${formatErrors(verdict.errors).replace(/^/gm, '  ')}`);
        continue;
      }
      const { metadata } = verdict.manifest;
      manifests.push({ ...verdict.manifest, metadata: { ...metadata, namespace: metadata.namespace ?? namespace } });
    }
  }
  if (problems.length === 0) return manifests;
  throw new CliError(problems.join('\n'), { code: 'InvalidSpec', hint: 'nothing was applied' });
}

function documents(file: string, problems: string[]): ParsedDocument[] {
  try {
    return readDocuments(file);
  } catch (error) {
    if (!(error instanceof ManifestSyntaxError || error instanceof CliError)) throw error;
    problems.push(error.message);
    return [];
  }
}
