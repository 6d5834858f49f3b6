import { readFileSync } from 'node:fs';

let known: string | undefined | null = null;

/**
 * Names the time since this machine started, the same for all of its processes and containers. What was written without a flush under
 * another name may be cut. Undefined where the system does not tell (only Linux does): flush there.
 */
export function bootId(): string | undefined {
  if (known !== null) return known;
  try {
    known = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    known = undefined;
  }
  return known;
}
