import { describe, expect, it } from '@jest/globals';
import { runCli, temporaryFolder } from '../support/cli.ts';

interface Report {
  ok: boolean;
  checks: { name: string; status: string; detail: string; hint?: string }[];
}

async function doctor(cwd: string, env: NodeJS.ProcessEnv = {}) {
  const { code, stdout } = await runCli(['doctor', '-o', 'json'], cwd, env);
  const report = JSON.parse(stdout) as Report;
  return { code, report, check: (name: string) => report.checks.find((one) => one.name === name) };
}

describe('sedna doctor', () => {
  it('reports on the machine where no stack runs, and exits 0', async () => {
    const { code, report, check } = await doctor(temporaryFolder('doctor'));
    expect({ code, ok: report.ok }).toEqual({ code: 0, ok: true });
    expect(check('Node.js')).toMatchObject({ status: 'ok', detail: process.versions.node });
    expect(check('disk, working directory')?.detail).toMatch(/GB free/);
    expect(check('stack')?.detail).toContain('sedna up starts one');
  });

  it('says how each missing binary would be had, and where to put it', async () => {
    const bare = temporaryFolder('bare');
    const env = { PATH: bare, XDG_CACHE_HOME: bare, TEMPORAL_CLI_PATH: '', KUBEBUILDER_ASSETS: '' };
    const { code, check } = await doctor(temporaryFolder('doctor'), env);
    expect(code).toBe(0);
    expect(check('temporal')).toMatchObject({ status: 'warning', hint: expect.stringContaining('TEMPORAL_CLI_PATH') });
    expect(check('kube-apiserver')?.detail).toContain('download from dl.k8s.io, else build from Go modules');
    expect(check('Go')).toMatchObject({
      status: 'warning',
      detail: 'go is not installed',
      hint: expect.stringContaining('go.dev'),
    });
    expect(check('python3 pip')).toMatchObject({ status: 'warning' });
  });

  it('exits 1 on a problem', async () => {
    const { code, report, check } = await doctor(temporaryFolder('doctor'), { KUBEBUILDER_ASSETS: '/none' });
    expect({ code, ok: report.ok }).toEqual({ code: 1, ok: false });
    expect(check('etcd')).toMatchObject({ status: 'problem', detail: expect.stringContaining('/none/etcd') });
  });

  it('prints a table by default and refuses other formats', async () => {
    const cwd = temporaryFolder('doctor');
    expect((await runCli(['doctor'], cwd)).stdout).toMatch(/^CHECK +STATUS +FOUND\nNode.js +ok/);
    expect(await runCli(['doctor', '-o', 'xml'], cwd)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('xml'),
    });
  });
});
