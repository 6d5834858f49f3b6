/** Where peers live: installed on first use into the user's cache, checked against their pins at each later one. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheDir, writeAtomic } from '../../deploy/local/files.ts';

const run = promisify(execFile);
/** PyTorch comes with gigabytes of libraries. */
const installBoundMs = 15 * 60_000;
const lookBoundMs = 60_000;

const reference = new URL('../../test/sdk/estimators/onnx/reference/requirements.txt', import.meta.url);

/** Python of the environment that the reference curves of the ONNX tests come from. */
export function torchPython(): Promise<string> {
  return pythonOf(join(cacheDir(), 'onnx-reference'), fileURLToPath(reference));
}

export function servingPython(): Promise<string> {
  const pins = fileURLToPath(new URL('./serving.txt', import.meta.url));
  return pythonOf(join(cacheDir(), 'bench-peers', 'serving'), pins);
}

export function websocketPython(): Promise<string> {
  const pins = fileURLToPath(new URL('./sedna-rounds.txt', import.meta.url));
  return pythonOf(join(cacheDir(), 'bench-peers', 'sedna-rounds'), pins);
}

/** Python with Triton's own clients, HTTP and gRPC. */
export function tritonPython(): Promise<string> {
  const pins = fileURLToPath(new URL('../../test/sdk/serving/triton/requirements.txt', import.meta.url));
  return pythonOf(join(cacheDir(), 'tritonclient'), pins);
}

/** The folder that TensorFlow.js can be required from. */
export async function tfjsFolder(): Promise<string> {
  const wanted = readFileSync(new URL('./tfjs.json', import.meta.url), 'utf8');
  const folder = join(cacheDir(), 'bench-peers', 'tfjs');
  const { dependencies } = JSON.parse(wanted) as { dependencies: Record<string, string> };
  const isThere = Object.entries(dependencies).every(([name, version]) => installed(folder, name) === version);
  if (isThere) return folder;
  say('TensorFlow.js', folder);
  mkdirSync(folder, { recursive: true });
  writeAtomic(join(folder, 'package.json'), wanted);
  const options = ['--no-audit', '--no-fund', '--ignore-scripts'];
  await checked('npm', ['install', ...options], { cwd: folder, timeout: installBoundMs });
  return folder;
}

function installed(folder: string, name: string): string | undefined {
  const file = join(folder, 'node_modules', name, 'package.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : undefined;
}

/** Installing is repeated where it was cut off. */
async function pythonOf(folder: string, pins: string): Promise<string> {
  const python = join(folder, 'bin', 'python');
  if (existsSync(python) && (await holds(python, pins))) return python;
  say(readFileSync(pins, 'utf8').trim().split('\n').join(', '), folder);
  await checked('python3', ['-m', 'venv', folder], { timeout: installBoundMs });
  await checked(python, ['-m', 'pip', 'install', '--quiet', '-r', pins], { timeout: installBoundMs });
  return python;
}

const compare = `
import importlib.metadata as packages, sys
pins = [line.strip().split('==') for line in open(sys.argv[1]) if line.strip()]
sys.exit(any(packages.version(name) != version for name, version in pins))
`;

async function holds(python: string, pins: string): Promise<boolean> {
  return run(python, ['-c', compare, pins], { timeout: lookBoundMs }).then(
    () => true,
    () => false,
  );
}

/** Fails with the last line that the command wrote. */
async function checked(command: string, args: string[], options: { cwd?: string; timeout: number }): Promise<void> {
  try {
    await run(command, args, options);
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const last = stderr?.trim().split('\n').at(-1) || message;
    throw new Error(`cannot be installed: ${command}: ${last}`, { cause: error });
  }
}

function say(what: string, folder: string): void {
  console.error(`installing ${what} into ${folder} (once)`);
}
