import { X509Certificate, generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Component } from './component.ts';
import { writeAtomic } from './files.ts';

export interface KubernetesOptions {
  binaries: { etcd: string; apiServer: string };
  /** Holds etcd's data, keys and certificates; survives restarts. */
  dir: string;
  ports: { etcd: number; peer: number; api: number };
  /** No fsync: faster, for data that nobody misses after a power cut. */
  throwaway?: boolean;
}

/** etcd and kube-apiserver: a real Kubernetes API without nodes. Start etcd first, stop it last. */
export function kubernetesServers(options: KubernetesOptions): { etcd: Component; api: Component } {
  const { dir, ports } = options;
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.peer}`;
  const etcd: Component = {
    name: 'etcd',
    command: options.binaries.etcd,
    args: [
      ...['--data-dir', join(dir, 'etcd'), '--log-level', 'warn'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
      ...(options.throwaway ? ['--unsafe-no-fsync'] : []),
    ],
    env: {},
    port: ports.etcd,
    ready: { url: `${client}/health`, contains: '"health":"true"' },
  };
  const key = join(dir, 'sa.key');
  const api: Component = {
    name: 'kube-apiserver',
    command: options.binaries.apiServer,
    args: [
      `--etcd-servers=${client}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${ports.api}`,
      `--cert-dir=${join(dir, 'certs')}`,
      '--service-cluster-ip-range=10.0.0.0/24',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${key}`,
      `--service-account-signing-key-file=${key}`,
      `--token-auth-file=${join(dir, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
    ],
    // Without a limit it grows to 800 MB on large CRDs.
    env: { GOMEMLIMIT: '400MiB', GOGC: '50' },
    port: ports.api,
    ready: { url: `https://127.0.0.1:${ports.api}/readyz`, caFile: certificate(dir) },
  };
  return { etcd, api };
}

/** Makes what the API server needs to start: a signing key and one administrator's token, both readable by this user only. */
export function prepareKubernetes(dir: string): void {
  mkdirSync(join(dir, 'certs'), { recursive: true });
  mkdirSync(join(dir, 'etcd'), { recursive: true, mode: 0o700 });
  chmodSync(dir, 0o700);
  const key = join(dir, 'sa.key');
  if (!existsSync(key)) {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeAtomic(key, pair.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(), 0o600);
  }
  const tokens = join(dir, 'tokens.csv');
  if (!existsSync(tokens)) {
    writeAtomic(tokens, `${randomBytes(24).toString('hex')},admin,1,"system:masters"\n`, 0o600);
  }
}

const certificate = (dir: string): string => join(dir, 'certs', 'apiserver.crt');

const renewMs = 30 * 86_400_000;

/** The API server makes one for a year where there is none. One that ends soon goes while no server uses it. */
export function dropOldCertificate(dir: string, now = Date.now()): void {
  const file = certificate(dir);
  if (!existsSync(file)) return;
  try {
    if (Date.parse(new X509Certificate(readFileSync(file)).validTo) - now > renewMs) return;
  } catch {
    // A half-written one would keep the server from starting.
  }
  for (const part of [file, join(dir, 'certs', 'apiserver.key')]) rmSync(part, { force: true });
}

/** The API server makes its certificate within its first second, long before it serves. */
export function hasCertificate(dir: string): boolean {
  return (
    existsSync(certificate(dir)) && readFileSync(certificate(dir), 'utf8').trimEnd().endsWith('END CERTIFICATE-----')
  );
}

/**
 * Writes a kubeconfig for the administrator. Only once there is a certificate.
 * True when that replaced another one.
 */
export function writeKubeconfig(path: string, dir: string, port: number): boolean {
  const [token] = readFileSync(join(dir, 'tokens.csv'), 'utf8').split(',');
  const authority = readFileSync(certificate(dir)).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'sedna', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': authority } },
    ],
    users: [{ name: 'sedna', user: { token } }],
    contexts: [{ name: 'sedna', context: { cluster: 'sedna', user: 'sedna', namespace: 'default' } }],
    'current-context': 'sedna',
  };
  const text = stringify(config);
  const before = existsSync(path) ? readFileSync(path, 'utf8') : text;
  writeAtomic(path, text, 0o600);
  return before !== text;
}
