import { join } from 'node:path';
import type { Owner } from '../../../workflows/lib/ids.ts';

/** What the workers of a service keep on this node beyond their own lives; removed with their owner. */
export function serviceState(stateDir: string, { uid }: Pick<Owner, 'uid'>): string {
  return join(stateDir, 'services', uid.replace(/[^A-Za-z0-9._-]/g, '_'));
}

/** Of one set of it: its replicas share it, and the next ones find it. */
export function setState(stateDir: string, owner: Pick<Owner, 'uid'>, role: string): string {
  return join(serviceState(stateDir, owner), role);
}
