/** Federated learning on the real stack: two nodes, five rounds, and the deaths that the demo tells of. */
import { afterAll, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { packageRoot } from '../../deploy/local/files.ts';
import { prepare } from '../../examples/federated-learning/mnist/prepare.ts';
import { runCli, temporaryFolder } from '../support/cli.ts';
import { describeKubernetes } from '../support/stack.ts';
import { processesOf, startDemo } from './support/demo.ts';

/** The common model must beat the better of the two nodes by so much on digits that nobody trained on. */
const margin = 0.15;

describeKubernetes('the federated demo', () => {
  const cwd = temporaryFolder('demo-federated');
  afterAll(() => runCli(['down', '--purge'], cwd), 60_000);

  it('learns together what neither node learns alone, and ends in the same bits whoever dies, and as a simulation', async () => {
    const { code, lines, told } = await startDemo(cwd, ['federated', '-o', 'json']).result;
    expect({ code, told }).toEqual({
      code: 0,
      told: expect.stringMatching(/kill -9 \d+ +# lc\/edge-2[^]*kill -9 \d+ +# gm/),
    });
    expect(lines).toHaveLength(1);
    const summary = JSON.parse(lines[0] ?? '') as { accuracyLocal: number[]; accuracyGlobal: number; digest: string };
    expect(summary).toMatchObject({ ok: true, rounds: 5, digestUndisturbed: summary.digest });
    expect(summary.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(summary.accuracyGlobal).toBeGreaterThan(Math.max(...summary.accuracyLocal) + margin);
    expect(told).toMatch(/federatedlearningjob\.sedna\.io\/digits +Succeeded +5\/5 +True/);
    expect(processesOf(cwd)).toEqual([]);
    const folder = join(cwd, '.sedna', 'demo', 'federated');
    // Nodes have saved the final model where the first one was.
    await prepare(join(folder, 'data'));
    const client = join(packageRoot(), 'examples', 'federated-learning', 'mnist', 'simulated-client.ts');
    const words = ['simulate', '-f', join(folder, 'job.yaml'), '--client', client, '-o', 'json'];
    const simulation = JSON.parse((await runCli(words, cwd)).stdout) as { rounds: { digest: string }[] };
    expect(simulation.rounds.at(-1)?.digest).toBe(summary.digest);
  }, 300_000);
});
