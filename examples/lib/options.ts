import { parseArgs } from 'node:util';

export interface DemoOptions {
  demo: DemoName;
  /** One final JSON line on standard output, the narration on standard error. */
  json: boolean;
  /** Leave objects and stack as they are at the end. */
  keep: boolean;
  standalone: boolean;
}

const available = ['incremental', 'federated', 'joint'] as const;
const announced = ['lifelong'];
export type DemoName = (typeof available)[number];

export const usage = `npm run demo -- [incremental | federated | joint] [-o json] [--keep] [--standalone]

  incremental    handwritten digits: train, evaluate, deploy, hot update while requests run (default)
  federated      two nodes with different digits learn one model; one loses its controller, then the manager dies
  joint          a little model at the edge asks a big one in the cloud, which is killed for ten seconds under load
  -o json        end with one JSON line on standard output; the narration goes to standard error
  --keep         leave the stack and the objects as they are, to go on by hand
  --standalone   without Kubernetes: the sedna command instead of kubectl

Exit codes: 0 all went well, 1 it did not, 2 wrong usage, 130 interrupted.`;

/** `help`, `usage error` as text, or what to run. */
export function parseOptions(args: string[]): DemoOptions | { help: true } | { error: string } {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
  const { values, positionals } = parsed;
  if (values.help === true) return { help: true };
  const [name = 'incremental', ...rest] = positionals;
  if (rest.length > 0) return { error: `one demo at a time, not ${positionals.join(' and ')}` };
  if (announced.includes(name)) return { error: `the ${name} demo comes in a later release` };
  const demo = available.find((known) => known === name);
  if (demo === undefined) return { error: `there is no demo ${name}; there is ${available.join(', ')}` };
  const { output } = values;
  if (output !== undefined && output !== 'json') return { error: `-o ${output}: the only format is json` };
  return { demo, json: output === 'json', keep: values.keep === true, standalone: values.standalone === true };
}

function parse(args: string[]) {
  return parseArgs({
    args,
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
      keep: { type: 'boolean' },
      standalone: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}
