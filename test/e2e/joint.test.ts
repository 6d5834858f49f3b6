/** `npm run demo -- joint`: the edge answers under load while the cloud is away, and every deferred answer arrives. */
import { afterAll, expect, it } from '@jest/globals';
import { runCli, temporaryFolder } from '../support/cli.ts';
import { describeTemporal } from '../support/stack.ts';
import { processesOf, startDemo } from './support/demo.ts';

describeTemporal('joint inference', () => {
  const cwd = temporaryFolder('joint');
  afterAll(() => runCli(['down', '--purge'], cwd), 60_000);

  it('answers every request while the cloud is away, and finally as the cloud would have', async () => {
    const { code, lines, told } = await startDemo(cwd, ['joint', '--standalone', '-o', 'json']).result;
    expect({ code, told }).toEqual({ code: 0, told: expect.stringContaining('$ npx sedna get ji,model') });
    const summary = JSON.parse(lines[0] ?? '') as Record<string, number> & { accuracy: Record<string, number> };
    expect(summary).toMatchObject({ ok: true, failed: 0, deferredFinal: summary['degraded'], deferredExpired: 0 });
    expect(summary['degraded']).toBeGreaterThan(0);
    const { edge = 0, joint = 0, cloud = 0 } = summary.accuracy;
    expect(joint).toBeGreaterThan(edge + 0.05);
    expect(cloud).toBeGreaterThan(joint - 0.02);
    expect(processesOf(cwd)).toEqual([]);
  }, 240_000);
});
