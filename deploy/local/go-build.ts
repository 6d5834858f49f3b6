import { join } from 'node:path';
import { VERSIONS } from './binaries.ts';
import { packageRoot } from './files.ts';
import type { Say } from './obtain.ts';
import { run } from './run.ts';

const BUILD_BOUND_MS = 25 * 60_000;
const SAY_EVERY_MS = 5_000;

/** Without these the server says version v0.0.0 and kubectl and Helm refuse to talk to it. */
function versionFlags(): string {
  const [major, minor] = VERSIONS.kubernetes.slice(1).split('.');
  const values = {
    gitVersion: VERSIONS.kubernetes,
    gitMajor: major,
    gitMinor: minor,
    gitCommit: '0'.repeat(40),
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
  };
  const flags = Object.entries(values).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  return ['-s', '-w', ...flags].join(' ');
}

/** Builds one program from the modules pinned by deploy/local/kube/go.sum; minutes the first time, seconds with a warm Go cache. */
export function goBuild(name: string, target: string): (dir: string, say: Say) => Promise<void> {
  return async (dir, say) => {
    const started = performance.now();
    let compiled = 0;
    let current = 'resolving modules';
    const progress = setInterval(() => {
      const seconds = Math.round((performance.now() - started) / 1000);
      say(`${name}: building from Go modules, ${seconds} s, ${compiled} packages compiled, now ${current}`);
    }, SAY_EVERY_MS);
    try {
      await run('go', ['build', '-v', '-trimpath', `-ldflags=${versionFlags()}`, '-o', join(dir, name), target], {
        cwd: join(packageRoot(), 'deploy', 'local', 'kube'),
        env: {
          ...process.env,
          GOTOOLCHAIN: 'local',
          CGO_ENABLED: '0',
          GOFLAGS: `${process.env.GOFLAGS ?? ''} -buildvcs=false`.trim(),
        },
        boundMs: BUILD_BOUND_MS,
        onLine: (line) => {
          current = line;
          compiled++;
        },
      });
    } finally {
      clearInterval(progress);
    }
  };
}
