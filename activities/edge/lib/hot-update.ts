/** The hot-update file that a serving worker polls (section 4.9 of the control-plane reference). */
import { basename, join } from 'node:path';
import type { HotUpdateTarget } from '../../contracts.ts';
import { writeFileAtomic } from '../../../sdk/storage/index.ts';
import type { Owner } from '../../../workflows/lib/ids.ts';

export const hotUpdateFile = 'model_config.json';

/** With the uid: what a deleted object leaves is removed while its successor of the same name may have its own already. */
export function hotUpdateDirectory(stateDir: string, { namespace, kind, name, uid }: Owner): string {
  return join(stateDir, 'model-hot-update', namespace, kind.toLowerCase(), `${name}-${uid.slice(0, 8)}`);
}

export function hotUpdateEnvironment(directory: string, target: HotUpdateTarget): Record<string, string> {
  return {
    MODEL_HOT_UPDATE: 'true',
    MODEL_POLL_PERIOD_SECONDS: String(target.pollPeriodSeconds),
    MODEL_HOT_UPDATE_CONFIG: join(directory, hotUpdateFile),
  };
}

/** The worker reloads when the time differs from the last one that it saw, so writing again with a new time reloads again. */
export async function writeHotUpdate(directory: string, modelFile: string): Promise<string> {
  const path = join(directory, hotUpdateFile);
  const config = {
    model_config: { model_path: join(directory, basename(modelFile)), model_update_time: new Date().toISOString() },
  };
  await writeFileAtomic(path, `${JSON.stringify(config, null, 2)}\n`);
  return path;
}
