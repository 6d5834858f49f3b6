import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheDir } from './files.ts';

/** The versions that are tested. They are part of the cache's paths, so a newer release never runs an older binary. */
export const VERSIONS = { temporal: '1.9.1', kubernetes: 'v1.36.3', etcd: 'v3.6.8' };

export type BinaryName = 'temporal' | 'etcd' | 'kube-apiserver' | 'kubectl';
export type Source = 'environment' | 'PATH' | 'cache';

export interface Found {
  path: string;
  source: Source;
}

/** Folder of the cache that holds the binary, with the version in its path. */
export function cacheFolder(name: BinaryName): string {
  const version = name === 'temporal' ? VERSIONS.temporal : name === 'etcd' ? VERSIONS.etcd : VERSIONS.kubernetes;
  return join(
    cacheDir(),
    name === 'kubectl' ? 'kube-apiserver' : name,
    `${version}-${process.platform}-${process.arch}`,
  );
}

/**
 * Looks for a binary where it may already be: `TEMPORAL_CLI_PATH` or `KUBEBUILDER_ASSETS`, then PATH (temporal, kubectl),
 * then the user's cache. An environment variable that points nowhere is an error rather than a silent second choice.
 */
export function findBinary(name: BinaryName): Found | undefined {
  const named = fromEnvironment(name);
  if (named) return { path: named, source: 'environment' };
  const cached = join(cacheFolder(name), name);
  // A kube-apiserver or etcd that happens to be on PATH may be of any version: only clients are taken from there.
  const onPath = name === 'temporal' || name === 'kubectl' ? fromPath(name) : undefined;
  if (onPath) return { path: onPath, source: 'PATH' };
  return isExecutable(cached) ? { path: cached, source: 'cache' } : undefined;
}

function fromEnvironment(name: BinaryName): string | undefined {
  const variable = name === 'temporal' ? 'TEMPORAL_CLI_PATH' : 'KUBEBUILDER_ASSETS';
  const value = process.env[variable];
  if (!value) return undefined;
  const path = name === 'temporal' ? value : join(value, name);
  if (isExecutable(path)) return path;
  if (name === 'kubectl') return undefined;
  throw new Error(`${variable}: ${path} is not an executable file; correct the variable or unset it`);
}

function fromPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
