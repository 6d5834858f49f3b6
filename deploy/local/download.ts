import { createHash } from 'node:crypto';
import { createWriteStream, renameSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { VERSIONS } from './binaries.ts';
import type { Say } from './obtain.ts';
import { run } from './run.ts';

const CONNECT_MS = 3_000;
const DOWNLOAD_BOUND_MS = 10 * 60_000;

function goPlatform(): { os: string; arch: string } {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  return { os: process.platform === 'win32' ? 'windows' : process.platform, arch };
}

/** The vendor publishes no checksum next to the archive: TLS vouches for the source, the version it says for the content. */
export async function downloadTemporal(dir: string, say: Say): Promise<void> {
  const { os, arch } = goPlatform();
  const archive = join(dir, 'temporal.tar.gz');
  await download(
    `https://temporal.download/cli/archive/v${VERSIONS.temporal}?platform=${os}&arch=${arch}`,
    archive,
    say,
  );
  await run('tar', ['-xzf', archive, '-C', dir, 'temporal'], { boundMs: 60_000 });
  const version = await run(join(dir, 'temporal'), ['--version'], { boundMs: 10_000 });
  if (!version.includes(VERSIONS.temporal)) throw new Error(`says version ${version.trim()}, not ${VERSIONS.temporal}`);
}

/** Checked against the digest that the Kubernetes release publishes. kube-apiserver is released for Linux only. */
export function downloadKubernetes(name: 'kube-apiserver' | 'kubectl'): (dir: string, say: Say) => Promise<void> {
  return async (dir, say) => {
    const { os, arch } = goPlatform();
    if (name === 'kube-apiserver' && os !== 'linux') throw new Error(`not released for ${os}`);
    const url = `https://dl.k8s.io/release/${VERSIONS.kubernetes}/bin/${os}/${arch}/${name}`;
    const digest = (await text(`${url}.sha256`)).trim();
    requireDigest(await download(url, join(dir, name), say), digest, url);
  };
}

/** Checked against the SHA256SUMS file of etcd's release. */
export async function downloadEtcd(dir: string, say: Say): Promise<void> {
  const { os, arch } = goPlatform();
  if (os !== 'linux') throw new Error('only the Linux archive is unpacked');
  const base = `https://github.com/etcd-io/etcd/releases/download/${VERSIONS.etcd}`;
  const folder = `etcd-${VERSIONS.etcd}-${os}-${arch}`;
  const sums = await text(`${base}/SHA256SUMS`);
  const digest =
    sums
      .split('\n')
      .find((line) => line.endsWith(` ${folder}.tar.gz`))
      ?.split(/\s+/)[0] ?? '';
  const archive = join(dir, 'etcd.tar.gz');
  requireDigest(await download(`${base}/${folder}.tar.gz`, archive, say), digest, archive);
  await run('tar', ['-xzf', archive, '-C', dir, `${folder}/etcd`], { boundMs: 60_000 });
  renameSync(join(dir, folder, 'etcd'), join(dir, 'etcd'));
}

function requireDigest(actual: string, expected: string, what: string): void {
  if (actual !== expected) throw new Error(`${what}: SHA-256 is ${actual}, the release says ${expected || 'nothing'}`);
}

async function text(url: string): Promise<string> {
  return (await open(url)).text();
}

/** Streams to a file and returns its SHA-256 in hex. */
export async function download(url: string, path: string, say: Say): Promise<string> {
  const response = await open(url);
  if (!response.body) throw new Error(`${url}: empty answer`);
  say(`downloading ${new URL(url).host}${new URL(url).pathname}`);
  const hash = createHash('sha256');
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(Readable.fromWeb(response.body), tap, createWriteStream(path));
  return hash.digest('hex');
}

/**
 * Fails within 3 s where the host is not reached, so that an offline machine goes on to the next way at once.
 * `SEDNA_NO_DOWNLOAD` rules vendors' downloads out; the configured pip and Go registries are used all the same.
 */
async function open(url: string): Promise<Response> {
  if (process.env.SEDNA_NO_DOWNLOAD) throw new Error('SEDNA_NO_DOWNLOAD is set');
  const { hostname, port, protocol } = new URL(url);
  await reach(hostname, Number(port) || (protocol === 'http:' ? 80 : 443));
  const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_BOUND_MS) });
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`);
  return response;
}

function reach(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new Error(`${host} is not reached (${reason})`));
    };
    const socket = connect({ host, port });
    const timer = setTimeout(() => fail(`no connection within ${CONNECT_MS / 1000} s`), CONNECT_MS);
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.destroy();
      resolve();
    });
  });
}
