import { describe, expect, it } from '@jest/globals';
import { parseOptions } from '../../../examples/lib/options.ts';

describe('options of npm run demo', () => {
  it('runs the incremental demo by itself', () => {
    const plain = { demo: 'incremental', json: false, keep: false, standalone: false };
    expect(parseOptions([])).toEqual(plain);
    expect(parseOptions(['incremental'])).toEqual(plain);
    expect(parseOptions(['federated'])).toEqual({ ...plain, demo: 'federated' });
  });

  it('takes what it knows, in any order', () => {
    const all = { demo: 'incremental', json: true, keep: true, standalone: true };
    expect(parseOptions(['--standalone', '-o', 'json', 'incremental', '--keep'])).toEqual(all);
    expect(parseOptions(['--output=json', '--keep', '--standalone'])).toEqual(all);
    expect(parseOptions(['-h'])).toEqual({ help: true });
  });

  it.each([
    [['lifelong'], 'the lifelong demo comes in a later release'],
    [['quantum'], 'there is no demo quantum'],
    [['incremental', 'joint'], 'one demo at a time'],
    [['-o', 'yaml'], 'the only format is json'],
    [['--kep'], '--kep'],
  ])('refuses %j with the reason', (args, reason) => {
    expect(parseOptions(args)).toEqual({ error: expect.stringContaining(reason) });
  });
});
