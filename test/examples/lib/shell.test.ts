import { describe, expect, it } from '@jest/globals';
import { PassThrough } from 'node:stream';
import { DemoError } from '../../../examples/lib/errors.ts';
import { Narrator } from '../../../examples/lib/narrator.ts';
import { Shell, type Program } from '../../../examples/lib/shell.ts';
import { eventually } from '../../support/eventually.ts';

/** Node itself as the program: `-e` with a script. */
const script: Program = { shown: 'script', path: process.execPath, prefix: ['-e'], env: { GREETING: 'hello' } };
const boundMs = 20_000;

function makeShell(signal?: AbortSignal) {
  let told = '';
  const stream = new PassThrough();
  stream.setEncoding('utf8').on('data', (text: string) => (told += text));
  return { shell: new Shell(new Narrator(stream as unknown as NodeJS.WriteStream), signal), told: () => told };
}

describe('Shell', () => {
  it('shows the command as a person types it, then what it prints', async () => {
    const { shell, told } = makeShell();
    expect(await shell.run(script, ['console.log(process.env.GREETING)', "it's"], { boundMs })).toBe('hello');
    expect(told()).toContain(`$ script 'console.log(process.env.GREETING)' 'it'\\''s'\n`);
    expect(told()).toMatch(/^ +hello$/m);
  });

  it('says why a command failed', async () => {
    const { shell } = makeShell();
    const failing = shell.run(script, ['console.error("no such thing"); process.exit(3)'], { boundMs });
    await expect(failing).rejects.toThrow(/^script .* ended with 3: no such thing$/);
    await expect(failing).rejects.toBeInstanceOf(DemoError);
  });

  it('says that a program is not there', async () => {
    const missing: Program = { shown: 'nothing', path: '/none/nothing', prefix: [] };
    await expect(makeShell().shell.run(missing, [], { boundMs })).rejects.toThrow('nothing ended with spawn');
  });

  it('ends a command that takes too long', async () => {
    const endless = makeShell().shell.run(script, ['setInterval(() => 0, 1000)'], { boundMs: 500 });
    await expect(endless).rejects.toThrow('was not done after 0.5 s');
  });

  it('tells a running command to end when it is aborted, and waits until it has cleaned up', async () => {
    const aborting = new AbortController();
    const { shell, told } = makeShell(aborting.signal);
    const tidy = `process.on('SIGINT', () => { console.log('tidied up'); process.exit(0); });
      setInterval(() => 0, 1000); console.log('runs');`;
    const running = shell.run(script, [tidy], { boundMs });
    running.catch(() => undefined);
    await eventually(() => expect(told()).toMatch(/^ +runs$/m));
    aborting.abort();
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    expect(told()).toContain('tidied up');
    await expect(shell.run(script, ['0'], { boundMs })).rejects.toMatchObject({ name: 'AbortError' });
  });
});
