import type { Command } from 'commander';
import type { Manifest } from '../crds/lib/kind.ts';
import { formatErrors, validateManifest } from '../crds/validate.ts';
import type { EntityRef } from '../workflows/lib/ids.ts';
import { badUsage, CliError } from './lib/errors.ts';
import { federatedReference, requireStored, roundNumber, roundsOf } from './lib/federated-rounds.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { printDocument } from './lib/output.ts';
import { notFound } from './lib/references.ts';
import { withSession } from './lib/session.ts';
import { setPath } from './lib/set-path.ts';

interface ForkOptions extends NamespaceOption {
  fromRound: string;
  name: string;
  set: string[];
  print?: boolean;
}

export function register(program: Command): void {
  withNamespace(
    program
      .command('fork <job...>')
      .description('a new FederatedLearningJob that starts from a stored round of another one')
      .requiredOption(
        '--from-round <round>',
        'that round 1 of the new job starts from; 0: what the other one started from',
      )
      .requiredOption('--name <name>', 'of the new job')
      .option('--set <path=value...>', 'what else differs, for example spec.trainingConfig.learningRate=0.01', [])
      .option('--print', 'print the manifest instead of applying it'),
  ).action(async (words: string[], options: ForkOptions) => {
    const ref = federatedReference(words, options.namespace);
    const round = roundNumber('--from-round', options.fromRound);
    await withSession(async ({ client, objects }) => {
      requireStored(ref, await roundsOf(client, ref), round);
      const source = await objects.get(ref);
      if (source === undefined) throw notFound(ref);
      const manifest = forked(source, { ref, round, options });
      if (options.print === true) return printDocument(manifest, 'yaml');
      const existing = await objects.get({ ...ref, name: options.name });
      if (existing !== undefined) {
        throw new CliError(`${ref.kind} ${ref.namespace}/${options.name} is there already`, {
          code: 'Refused',
          hint: 'give another --name, or delete it first',
        });
      }
      console.log(`federatedlearningjob/${options.name} ${await objects.apply(manifest)}`);
    });
  });
}

interface Fork {
  ref: EntityRef;
  round: number;
  options: ForkOptions;
}

/** Labels and annotations stay with the first one: some of them are verbs that were said to it. */
export function forked({ apiVersion, kind, spec }: Manifest, { ref, round, options }: Fork): Manifest {
  const manifest = {
    apiVersion,
    kind,
    metadata: { name: options.name, namespace: ref.namespace },
    spec: { ...structuredClone(spec as Record<string, unknown>), startFrom: { job: ref.name, round } },
  };
  for (const assignment of options.set) setPath(manifest, assignment);
  // Whether there is one already was asked of the name that was given.
  const { name, namespace } = (manifest.metadata ?? {}) as Partial<typeof manifest.metadata>;
  if (name !== options.name || namespace !== ref.namespace) {
    throw badUsage(
      '--set: metadata.name and metadata.namespace of the new job cannot be set',
      'say --name; a job starts from one of its own namespace',
    );
  }
  const verdict = validateManifest(manifest);
  if (verdict.ok) return verdict.manifest;
  throw new CliError(`the new manifest is not valid\n${formatErrors(verdict.errors).replace(/^/gm, '  ')}`, {
    code: 'InvalidSpec',
    hint: 'correct --set or --name; nothing was applied',
  });
}
