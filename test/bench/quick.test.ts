import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../deploy/local/files.ts';
import { describeTemporal } from '../support/stack.ts';

interface Printed {
  id: string;
  machine: { cores: number; date: string };
  cases: { name: string; value: number; unit: string }[];
}

describeTemporal('benchmarks run with tiny sizes and print the contract', () => {
  test.each(['training', 'infer', 'p5', 'p6', 'p11'])(
    '%s',
    (id) => {
      const args = [join(packageRoot(), 'bench', 'main.ts'), id, '--quick', '-o', 'json'];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 110_000 });
      expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
      const printed = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Printed;
      expect(printed).toMatchObject({ id, machine: { cores: expect.any(Number), date: expect.any(String) } });
      expect(printed.cases.length).toBeGreaterThan(2);
      for (const { name, value, unit } of printed.cases) {
        expect([name, unit]).not.toContain('');
        expect(value).toBeGreaterThan(0);
      }
    },
    120_000,
  );
});
