/** Model files: as they are served and as they are trained further, each in a process of its own. (Controllers never open a model.) */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { caseOf, corpusDirectory, readExpected } from '../lib/expected.ts';
import type { Family, Found, Parser } from '../lib/family.ts';
import type { ModelAnswer } from '../lib/model-child.ts';

const boundMs = 10_000;
/** Of the judging process, in MiB, whatever a model declares. */
const maxRssMiB = 512;

export function models(): Family<string> {
  const cases = readExpected('models').map(([name, entry]) =>
    caseOf(name, join(corpusDirectory, 'models', 'files', name), entry),
  );
  return { name: 'models', cases, parsers: [judge('serving'), judge('training')], boundMs: 1_000, growthMiB: 32 };
}

function judge(as: string): Parser<string> {
  let child: ChildProcess;
  return {
    name: as,
    async open() {
      const options = {
        execArgv: ['--disable-warning=ExperimentalWarning'],
        env: { ...process.env, NODE_OPTIONS: '' },
      };
      child = fork(join(import.meta.dirname, '..', 'lib', 'model-child.ts'), {
        ...options,
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      await once(child, 'message');
    },
    async judge(file) {
      const over = new AbortController();
      const signal = AbortSignal.any([over.signal, AbortSignal.timeout(boundMs)]);
      const died = once(child, 'exit', { signal }).then(() =>
        Promise.reject(new Error('the process that judged it died')),
      );
      died.catch(() => undefined);
      child.send({ file, as });
      const [answer] = (await Promise.race([once(child, 'message', { signal }), died])) as [ModelAnswer];
      over.abort();
      const { ok, type, name, message, rss } = answer;
      if (rss / (1 << 20) > maxRssMiB) throw new Error(`it took ${(rss / (1 << 20)).toFixed(0)} MiB`);
      if (ok) return { verdict: 'accept' };
      if (type === undefined) throw new Error(`${name}: ${message}`);
      return { verdict: 'refuse', reason: type, message } satisfies Found;
    },
    close: async () => {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}
