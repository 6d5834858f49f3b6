#!/usr/bin/env node
// Plain JavaScript, because it must run on a Node that is too old for the rest. Keep it free of recent syntax and imports.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const OLDEST = [22, 19];
const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function isOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}

/** The Node that `npm ci` installs next to this project's dependencies. */
function bundledNode() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const platform = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const folders = [];
  for (let dir = root; ; dir = dirname(dir)) {
    folders.push(join(dir, 'node_modules', platform, 'bin'), join(dir, 'node_modules', platform));
    folders.push(join(dir, 'node_modules', '.bin'));
    if (dir === dirname(dir)) break;
  }
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

function runAgain(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, SEDNA_BUNDLED_NODE: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) {
    // The terminal sends SIGINT to both; the listener only keeps this process waiting for the child's exit code.
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(signal)));
  }
  child.on('error', (error) => giveUp(`${node} cannot be run: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code === null ? 128 + (constants.signals[signal] ?? 0) : code));
}

function giveUp(reason) {
  process.stderr.write(
    `error: ${reason}\n  hint: install Node ${OLDEST.join('.')} or newer, or run npm ci, which brings one\n`,
  );
  process.exit(1);
}

/** Half of the time to start is compiling: this process and all that it starts find what was compiled before. Only a cache. */
async function cacheCompiledCode() {
  const base = process.env.XDG_CACHE_HOME;
  process.env.NODE_COMPILE_CACHE ??= join(base ? resolve(base) : join(homedir(), '.cache'), 'sedna', 'compiled');
  const { enableCompileCache } = await import('node:module');
  enableCompileCache?.(process.env.NODE_COMPILE_CACHE);
}

if (!isOldNode()) {
  await cacheCompiledCode();
  const source = join(root, 'cli', 'main.ts');
  const built = join(root, 'dist', 'cli', 'main.js');
  // Node refuses to strip types below node_modules, so an installed package runs what was built for it.
  const inPackage = root.split(/[\\/]/).includes('node_modules') || !existsSync(source);
  await import(pathToFileURL(inPackage ? built : source).href);
} else {
  const node = process.env.SEDNA_BUNDLED_NODE ? undefined : bundledNode();
  if (node) runAgain(node);
  else giveUp(`this is Node ${process.versions.node}`);
}
