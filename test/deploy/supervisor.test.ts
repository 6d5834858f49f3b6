import { describe, expect, it } from '@jest/globals';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { rotateOpenLog } from '../../deploy/local/files.ts';
import { planStack } from '../../deploy/local/plan.ts';
import { isAlive, self, signal, stopProcess } from '../../workers/lib/process.ts';
import { startComponent, type Stack } from '../../deploy/local/runner.ts';
import { readStackState, stackPaths, writeStackState } from '../../deploy/local/state.ts';
import { backoff, supervise } from '../../deploy/local/supervisor.ts';
import { temporaryFolder } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

function emptyStack(): Stack {
  const cwd = temporaryFolder('supervisor');
  mkdirSync(stackPaths(cwd).logs, { recursive: true });
  const desired = { cwd, mode: 'standalone' as const, binaries: { temporal: '' }, nodes: [], images: [], without: [] };
  const ports = { temporal: 1, 'temporal-http': 2, 'temporal-ui': 3, 'temporal-metrics': 4, gm: 5 };
  const state = { ...planStack(desired, ports).state, supervisor: self() };
  writeStackState(cwd, state);
  return { cwd, state };
}

function program(name: string, code: string) {
  return {
    name,
    command: process.execPath,
    args: ['-e', code],
    env: {},
    port: 5,
    ready: { url: 'http://127.0.0.1:5' },
  };
}

/** Runs the supervisor while `body` looks at what it does; afterwards nothing of the stack is left. */
async function supervised(stack: Stack, body: (said: string[]) => Promise<void>): Promise<void> {
  const ending = new AbortController();
  const said: string[] = [];
  const supervisor = supervise(stack, (line) => said.push(line), ending.signal);
  try {
    await body(said);
  } finally {
    ending.abort();
    await supervisor;
    await Promise.all(stack.state.components.map((component) => stopProcess(component, 1_000)));
  }
}

describe('the supervisor', () => {
  it('restarts what is killed within a second and records the new process', async () => {
    const stack = emptyStack();
    const first = await startComponent(stack, program('steady', 'setInterval(() => 0, 1000)'));
    await supervised(stack, async (said) => {
      const killed = performance.now();
      signal(first, 'SIGKILL');
      const second = await eventually(() => {
        const [component] = readStackState(stack.cwd)?.components ?? [];
        expect(component?.pid).not.toBe(first.pid);
        return component;
      });
      expect(performance.now() - killed).toBeLessThan(1_000);
      expect(second && isAlive(second)).toBe(true);
      await eventually(() => expect(said).toContain(`steady runs again (pid ${second?.pid})`));
    });
  });

  it('says why something keeps dying and waits longer each time', async () => {
    const stack = emptyStack();
    const times = join(stack.cwd, 'times');
    const code = `fs.appendFileSync(${JSON.stringify(times)}, Date.now() + '\\n'); console.log('no room'); process.exit(3)`;
    await startComponent(stack, program('doomed', code));
    await supervised(stack, async (said) => {
      const starts = await eventually(() => {
        const lines = existsSync(times) ? readFileSync(times, 'utf8').trim().split('\n').map(Number) : [];
        expect(lines.length).toBeGreaterThanOrEqual(4);
        return lines;
      }, 15_000);
      const gaps = starts.slice(1, 4).map((time, i) => time - (starts[i] ?? 0));
      // Process start-up varies by tens of ms, the pauses double.
      expect(gaps[0]).toBeGreaterThan(150);
      expect(gaps[1]).toBeGreaterThan(350);
      expect(gaps[2]).toBeGreaterThan(750);
      expect(said.join('\n')).toMatch(/doomed \(pid \d+\) died; starting it again in 0.4 s/);
      expect(said.join('\n')).toContain('no room');
    });
  });

  it('writes a record anew that somebody broke', async () => {
    const stack = emptyStack();
    await supervised(stack, async (said) => {
      writeFileSync(stackPaths(stack.cwd).state, '{"version": 1,');
      await eventually(() => expect(readStackState(stack.cwd)).toEqual(stack.state));
      expect(said.join()).toContain('writing it anew');
    });
  });

  it('steps aside when the record names another one, and restarts nothing from then on', async () => {
    const stack = emptyStack();
    const component = await startComponent(stack, program('steady', 'setInterval(() => 0, 1000)'));
    const said: string[] = [];
    const supervisor = supervise(stack, (line) => said.push(line), new AbortController().signal);
    writeStackState(stack.cwd, { ...stack.state, supervisor: { pid: 1, startedAt: 'later' } });
    await stopProcess(component, 0);
    expect(await supervisor).toBe('replaced');
    expect(said).toEqual([]);
  });

  it('never waits longer than ten seconds', () => {
    expect([0, 1, 2, 5, 6, 1_000].map(backoff)).toEqual([200, 400, 800, 6_400, 10_000, 10_000]);
  });
});

it('a log that outgrew its size is kept once, while its component goes on writing', () => {
  const path = join(temporaryFolder('log'), 'gm.log');
  const writer = openSync(path, 'a');
  writeSync(writer, 'first\n');
  rotateOpenLog(path, 5);
  writeSync(writer, 'next\n');
  rotateOpenLog(path, 5);
  expect([readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')]).toEqual(['first\n', 'next\n']);
  closeSync(writer);
});
