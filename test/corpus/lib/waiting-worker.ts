import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkerLaunch } from '../../../activities/edge/runtime.ts';
import { ProcessRuntime } from '../../../workers/runtimes/process/process-runtime.ts';

/** A runtime in `directory` whose only image is a process that waits. */
export function waitingRuntime(directory: string): ProcessRuntime {
  writeFileSync(join(directory, 'waits.cjs'), 'setInterval(() => {}, 1000);');
  return new ProcessRuntime(join(directory, 'state'), [
    { image: 'waits', dir: directory, command: ['node', 'waits.cjs'], env: {} },
  ]);
}

/** Worker `w` of that image, for training in a job of the kind. */
export function waitingWorker(kind: string): WorkerLaunch {
  return {
    name: 'w',
    owner: { kind, namespace: 'default', name: 'job', uid: 'u' },
    stage: 'Train',
    image: 'waits:v1',
    args: [],
    env: {},
    contract: {},
    ports: [],
    restart: 'Never',
    revision: '',
  };
}
