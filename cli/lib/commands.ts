import type { Command } from 'commander';

/** A file of verbs: adds them to the program. */
export interface Commands {
  register: (program: Command) => void;
}

/** One file per verb, in the order of `sedna --help`, with the names of its verbs: only the file of the verb that runs is loaded. */
export const files: [names: string[], load: () => Promise<Commands>][] = [
  [['up'], () => import('../up.ts')],
  [['down'], () => import('../down.ts')],
  [['doctor'], () => import('../doctor.ts')],
  [['apply'], () => import('../apply.ts')],
  [['get'], () => import('../get.ts')],
  [['describe'], () => import('../describe.ts')],
  [['explain'], () => import('../explain.ts')],
  [['delete'], () => import('../delete.ts')],
  [['trigger', 'pause', 'resume', 'stop', 'retry', 'approve', 'reject'], () => import('../verbs.ts')],
  [['rounds'], () => import('../rounds.ts')],
  [['reset'], () => import('../reset.ts')],
  [['fork'], () => import('../fork.ts')],
  [['wait'], () => import('../wait.ts')],
  [['logs'], () => import('../logs.ts')],
  [['nodes'], () => import('../nodes.ts')],
  [['simulate'], () => import('../simulate.ts')],
  [['crds'], () => import('../crds.ts')],
  [['gm'], () => import('../gm.ts')],
  [['lc'], () => import('../lc.ts')],
  [['version'], () => import('../version.ts')],
];

/** What a command line needs: the verb that it begins with, else all of them, for help and suggestions. */
export function commandsFor([word]: readonly string[]): Promise<Commands[]> {
  const wanted = files.filter(([names]) => names.includes(word ?? ''));
  return Promise.all((wanted.length > 0 ? wanted : files).map(([, load]) => load()));
}
