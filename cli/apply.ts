import type { Command } from 'commander';
import { ManifestSyntaxError, type ParsedDocument } from '../crds/parse.ts';
import { formatErrors, validateManifest } from '../crds/validate.ts';
import type { Manifest } from '../crds/lib/kind.ts';
import { each } from './lib/each.ts';
import { CliError, EXIT } from './lib/errors.ts';
import { filesOf, readDocuments } from './lib/manifest-files.ts';
import { withObjects } from './lib/objects.ts';
import { namespaceOf, withNamespace, type NamespaceOption } from './lib/options.ts';
import { asWritten } from './lib/written.ts';

const invalid = 'InvalidSpec';

interface ApplyOptions extends NamespaceOption {
  filename: string[];
  dryRun?: boolean;
}

export function register(program: Command): void {
  withNamespace(
    program
      .command('apply')
      .description('create or change objects; every file is judged before anything is applied')
      .requiredOption('-f, --filename <file...>', 'YAML or JSON files, folders of them, or - for standard input')
      .option('--dry-run', 'judge only'),
  ).action(async (options: ApplyOptions, command: Command) => {
    const manifests = readAll(options, command);
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
    await withObjects(async (objects) => {
      await each(manifests, async (manifest) => {
        const verdict = await objects.apply(manifest);
        console.log(`${manifest.kind.toLowerCase()}/${manifest.metadata.name} ${verdict}`);
      });
    });
  });
}

/** Every document of every file is judged, so that one look shows all that is wrong. */
function readAll({ filename }: ApplyOptions, command: Command): Manifest[] {
  const problems: CliError[] = [];
  const manifests: Manifest[] = [];
  for (const file of filesOf(filename)) {
    for (const document of documents(file, problems)) {
      try {
        manifests.push(manifestOf(document, command));
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        problems.push(error);
      }
    }
  }
  const [first] = problems;
  if (first === undefined) return manifests;
  const message = problems.map((problem) => problem.message).join('\n');
  const { code, exitCode, hint } = problems.find((problem) => problem.code === invalid) ?? first;
  throw new CliError(message, { code, exitCode, hint: ['nothing was applied', ...(hint ? [hint] : [])].join('; ') });
}

function manifestOf({ value, line, source }: ParsedDocument, command: Command): Manifest {
  const verdict = validateManifest(value);
  if (!verdict.ok) {
    const errors = formatErrors(verdict.errors).replace(/^/gm, '  ');
    throw new CliError(`${source}:${line}: not valid\n${errors}`, { code: invalid });
  }
  const { metadata } = verdict.manifest;
  return asWritten({ ...verdict.manifest, metadata: { ...metadata, namespace: namespaceOf(metadata, command) } });
}

function documents(file: string, problems: CliError[]): ParsedDocument[] {
  try {
    return readDocuments(file);
  } catch (error) {
    if (error instanceof CliError) problems.push(error);
    else if (error instanceof ManifestSyntaxError) problems.push(new CliError(error.message, { code: invalid }));
    else throw error;
    return [];
  }
}
