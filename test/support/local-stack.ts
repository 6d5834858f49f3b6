/** A whole stack of its own, driven as a user drives it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readStackState, type RunningComponent } from '../../deploy/local/state.ts';
import { commandLine, isAlive, processesWith, signal, type ProcessRef } from '../../workers/lib/process.ts';
import { runCli, temporaryFolder } from './cli.ts';
import { eventually } from './eventually.ts';
import { StackObjects } from './stack-objects.ts';

export class LocalStack {
  readonly cwd: string;
  readonly #objects: StackObjects;

  constructor(name: string) {
    this.cwd = temporaryFolder(name);
    this.#objects = new StackObjects(this.cwd);
  }

  async up(...flags: string[]): Promise<void> {
    await this.cli('up', '--detach', ...flags);
  }

  async down(): Promise<void> {
    await this.#objects.close();
    await runCli(['down', '--purge'], this.cwd);
  }

  /** Runs a verb that must succeed; its standard output. */
  async cli(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runCli(args, this.cwd);
    if (code !== 0) throw new Error(`sedna ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  /** Throws while there is none. */
  statusOf<T>(kind: string, name: string): Promise<T> {
    return this.#objects.status<T>(kind, name);
  }

  component(name: string): RunningComponent {
    const found = readStackState(this.cwd)?.components.find((component) => component.name === name);
    if (found === undefined) throw new Error(`no component ${name}`);
    return found;
  }

  kill(name: string): ProcessRef {
    const { pid, startedAt } = this.component(name);
    assert(signal({ pid, startedAt }, 'SIGKILL'), `${name} does not run`);
    return { pid, startedAt };
  }

  /** Waits until the supervisor has started a successor. */
  async restarted(name: string, before: ProcessRef): Promise<void> {
    await eventually(() => {
      const now = this.component(name);
      assert.notEqual(now.pid, before.pid);
      assert(isAlive(now));
    }, 20_000);
  }

  /** Processes of workers of a node, those whose command has the word in it. Its local controller is none. */
  workers(node: string, word = ''): ProcessRef[] {
    return processesWith('SEDNA_STATE_DIR', join(this.cwd, '.sedna', 'nodes', node)).filter(({ pid }) => {
      const command = commandLine(pid);
      return command.length > 0 && !command.includes('lc') && command.join(' ').includes(word);
    });
  }
}
