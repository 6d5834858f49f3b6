import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import type { UpRequest } from '../deploy/local/desired.ts';
import type { NodeSpec, StackState } from '../deploy/local/state.ts';
import type { Progress } from '../deploy/local/up.ts';
import { badUsage, type CliError } from './lib/errors.ts';
import { shellWord } from './lib/shell-word.ts';

interface UpOptions {
  detach?: boolean;
  standalone?: boolean;
  kubeconfig?: string;
  nodes?: string;
  images?: string[];
  without?: string;
}

export function register(program: Command): void {
  program
    .command('up')
    .description('start the whole stack on this machine: Temporal, Kubernetes API, global manager, local controllers')
    .option('--detach', 'return once all is ready; sedna down stops it')
    .option('--standalone', 'leave Kubernetes out')
    .option('--nodes <list>', 'nodes as name or name:role, role cloud or edge; default cloud-1,edge-1,edge-2')
    .option('--images <file...>', 'YAML or JSON files that map images to local programs; added to earlier ones')
    .option('--kubeconfig <file>', 'use this existing cluster instead of an API server of its own')
    .addOption(new Option('--without <list>', 'components that you run by hand: gm, lc, lc/edge-1').hideHelp())
    .action(up);
}

async function up(options: UpOptions): Promise<void> {
  const request = toRequest(options, process.cwd());
  const { upAttached, upDetached } = await import('../deploy/local/session.ts');
  const { notServing } = await import('../deploy/local/up.ts');
  const bringUp = options.detach ? upDetached : upAttached;
  const { stack, unchanged } = await bringUp(request, say, printProgress).catch(sayWhatRuns);
  if (unchanged) {
    const ill = (await notServing(stack.state)).join(', ');
    say(ill ? `all was started already, but not ready: ${ill}; see sedna doctor` : 'everything runs already');
  }
  printAddresses(stack.state);
  if (options.detach) return;
  const { superviseHere } = await import('../deploy/local/attend.ts');
  say('Ctrl-C stops everything');
  const end = await superviseHere(stack, say);
  say(end === 'stopped' ? 'everything stopped, data kept in .sedna' : 'another sedna command took over');
}

function say(line: string): void {
  console.log(line);
}

async function sayWhatRuns(error: unknown): Promise<never> {
  const { markedProcesses } = await import('../deploy/local/runner.ts');
  if (markedProcesses(process.cwd()).length > 0) {
    say('what was started keeps running: sedna up goes on from here, sedna down stops it');
  }
  throw error;
}

function toRequest(options: UpOptions, cwd: string): UpRequest {
  if (options.standalone && options.kubeconfig) {
    throw badUsage('--standalone and --kubeconfig exclude each other', 'leave one out');
  }
  if (options.kubeconfig && !existsSync(resolve(cwd, options.kubeconfig))) {
    throw badUsage(
      `--kubeconfig: ${options.kubeconfig} does not exist`,
      'give the kubeconfig file of an existing cluster, or leave the option out to get an API server of your own',
    );
  }
  const request: UpRequest = { cwd };
  if (options.standalone) request.standalone = true;
  if (options.kubeconfig) request.kubeconfig = resolve(cwd, options.kubeconfig);
  if (options.nodes !== undefined) request.nodes = parseNodes(options.nodes);
  if (options.images) request.images = options.images.map((file) => resolve(cwd, file));
  if (options.without) request.without = options.without.split(',');
  return request;
}

/** `cloud-1,edge-1:edge` → nodes. Without a role, a name that starts with "cloud" is a cloud node and every other an edge node. */
export function parseNodes(list: string): NodeSpec[] {
  const nodes = list.split(',').map((entry): NodeSpec => {
    const [name = '', role, ...rest] = entry.trim().split(':');
    // Node names become DNS labels in Kubernetes and parts of task queue names.
    const isName = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name);
    if (!isName || rest.length > 0 || (role !== undefined && role !== 'cloud' && role !== 'edge')) {
      throw badNodes(`--nodes: "${entry}" is not a node`);
    }
    return { name, role: role ?? (name.startsWith('cloud') ? 'cloud' : 'edge') };
  });
  const twice = nodes.find(({ name }, i) => nodes.findIndex((other) => other.name === name) !== i);
  if (twice) throw badNodes(`--nodes: ${twice.name} is named twice`);
  return nodes;
}

function badNodes(message: string): CliError {
  const hint =
    'write lower-case names of letters, digits and hyphens, with a role if need be: --nodes cloud-1,factory:edge';
  return badUsage(message, hint);
}

const printProgress: Progress = ({ name, state, address, seconds }) => {
  console.log(`  ${name.padEnd(16)} ${state.padEnd(8)} ${address.padEnd(16)} ${seconds.toFixed(1).padStart(5)} s`);
};

function printAddresses(state: StackState): void {
  const { kubeconfig } = state;
  const lines: [string, string][] = [
    ['Temporal UI', state.temporal.ui],
    ['Temporal', `export TEMPORAL_ADDRESS=${state.temporal.address}`],
    ['kubectl', kubeconfig ? `export KUBECONFIG=${shellWord(kubeconfig)}` : 'standalone: use sedna apply, get, …'],
  ];
  for (const { name, port } of state.components) {
    if (name === 'gm' || name.startsWith('lc/')) lines.push([name, `http://127.0.0.1:${port}`]);
  }
  lines.push(['logs', '.sedna/logs/']);
  console.log(`\n${lines.map(([name, value]) => `${name.padEnd(12)} ${value}`).join('\n')}`);
}
