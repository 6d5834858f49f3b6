/** What a node says of itself when it registers. */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { arch, cpus, platform, totalmem } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { NodeFields } from '../../activities/contracts.ts';
import type { BlobStore } from '../../sdk/storage/index.ts';
import { logger } from './log.ts';

const probeMs = 30_000;
/** A store that hangs must not keep the node from registering: it is then said to be unreachable. */
const storeMs = 15_000;

/** Execution providers that really load. Probed in a child process: a native crash or its memory must not stay with us. */
export async function executionProviders(): Promise<string[]> {
  const extension = extname(fileURLToPath(import.meta.url));
  const script = fileURLToPath(new URL(`./probe-providers${extension}`, import.meta.url));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: probeMs });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '[]') as string[];
  } catch (error) {
    logger.warn({ error: String(error) }, 'ONNX Runtime does not load here: this node runs other images only');
    return [];
  }
}

export async function blobStoreHealth(blobs: BlobStore, node: string): Promise<NodeFields['blobStore']> {
  const probe = async (): Promise<void> => {
    await blobs.read(await blobs.put(`probe of ${node}\n`));
  };
  const late = delay(storeMs, undefined, { ref: false }).then(() => {
    throw new Error(`no answer within ${storeMs / 1_000} s`);
  });
  try {
    await Promise.race([probe(), late]);
    return { reachable: true };
  } catch (error) {
    return { reachable: false, message: `blob store ${blobs.url}: ${(error as Error).message}` };
  }
}

export async function machineFacts(stateDir: string) {
  const { bavail, bsize } = await statfs(stateDir);
  // Rounded, so that registering again says the same unless something really changed.
  const gibibyte = 1 << 30;
  return {
    architecture: arch(),
    platform: platform(),
    cpus: cpus().length,
    memoryBytes: totalmem(),
    diskFreeBytes: Math.floor((bavail * bsize) / gibibyte) * gibibyte,
    versions: { node: process.versions.node },
  };
}
