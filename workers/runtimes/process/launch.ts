import type { WorkerLaunch } from '../../../activities/edge/runtime.ts';
import { failure } from '../../../activities/lib/failure.ts';
import { dirname } from 'node:path';
import { builtIn, frontImage, frontStage } from './built-in.ts';
import { findImage, type ImageEntry } from './images.ts';
import { choosesCode } from './loader-variables.ts';

export interface Command {
  file: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
}

/** Variables that a process needs from its parent to work at all, or to start fast. Secrets of the local controller are not among them. */
const inherited = ['HOME', 'LANG', 'LC_ALL', 'NODE_COMPILE_CACHE', 'TMPDIR', 'TZ', 'USER'];

/**
 * What is executed for a launch. Contract variables win over the template's, these over the allowlist entry's.
 * Rejects with ImageNotAllowed or InvalidTemplate.
 */
export function commandOf(
  launch: WorkerLaunch,
  entries: ImageEntry[],
  extra: Record<string, string>,
  parent: NodeJS.ProcessEnv = process.env,
): Command {
  const entry = entryOf(launch, entries);
  if (launch.command !== undefined && entry.allowCommand !== true) {
    throw failure(
      'InvalidTemplate',
      `the template's command is not allowed for image ${launch.image}: leave it out, or set allowCommand in the node's image list`,
    );
  }
  const choosing = Object.keys(launch.env).find(choosesCode);
  if (choosing !== undefined && entry.allowCommand !== true) {
    throw failure(
      'InvalidTemplate',
      `env ${choosing} of the template chooses what code runs, which is not allowed for image ${launch.image}: leave it out, or set it (or allowCommand) in the node's image list`,
    );
  }
  const base: Record<string, string> = {};
  for (const name of inherited) if (parent[name] !== undefined) base[name] = parent[name];
  // The running Node first: `node` in a command is the one that this project was tested with.
  base['PATH'] = `${dirname(process.execPath)}:${parent['PATH'] ?? ''}`;
  const env = { ...base, ...entry.env, ...launch.env, ...launch.contract, ...extra };
  const [file = '', ...first] = [...(launch.command ?? entry.command)].map((part) => expand(part, env));
  return { file, args: [...first, ...launch.args.map((part) => expand(part, env))], cwd: entry.dir, env };
}

/** A front is this package's own program, whatever the node's list says; and nobody's worker. */
function entryOf({ image, stage }: WorkerLaunch, entries: ImageEntry[]): ImageEntry {
  const own = findImage(builtIn, image);
  if (own?.image === frontImage) {
    if (stage === frontStage) return own;
    throw failure('InvalidTemplate', `image ${image} is what gives requests to workers: name the image of a worker`);
  }
  const entry = findImage(entries, image) ?? own;
  if (entry !== undefined) return entry;
  const known = entries.map((one) => one.image).join(', ') || 'none';
  throw failure(
    'ImageNotAllowed',
    `image ${image} is not in the allowlist of this node (${known}); add it: sedna up --images FILE`,
  );
}

/** `$(NAME)` as Kubernetes expands it; an unknown name stays as it is, `$$(NAME)` is a literal `$(NAME)`. */
function expand(text: string, env: Record<string, string>): string {
  return text.replace(/\$\$\(|\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$(' : (env[name] ?? whole),
  );
}
