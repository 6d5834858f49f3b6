import { describe, expect, it } from '@jest/globals';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { planStack } from '../../deploy/local/plan.ts';
import { readStackState, stackPaths, writeStackState } from '../../deploy/local/state.ts';
import { temporaryFolder } from '../support/cli.ts';

function stackFolder(content?: string): string {
  const cwd = temporaryFolder('state');
  mkdirSync(stackPaths(cwd).dir);
  if (content !== undefined) writeFileSync(stackPaths(cwd).state, content);
  return cwd;
}

const desired = (cwd: string) => ({
  cwd,
  mode: 'kubernetes' as const,
  binaries: { temporal: '/bin/temporal', etcd: '/bin/etcd', apiServer: '/bin/kube-apiserver' },
  nodes: [{ name: 'edge-1', role: 'edge' as const }],
  images: ['/a.yaml', '/b.yaml'],
  without: [] as string[],
});
const PORTS = {
  temporal: 1,
  'temporal-http': 2,
  'temporal-ui': 3,
  'temporal-metrics': 4,
  etcd: 5,
  'etcd-peer': 6,
  'kube-apiserver': 7,
  gm: 8,
  'lc/edge-1': 9,
};

describe('the stack state', () => {
  it('is undefined where there never was a stack', () => {
    expect(readStackState(temporaryFolder('state'))).toBeUndefined();
  });

  it('reads back what was written, and only its user may read it', () => {
    const cwd = stackFolder();
    const { state } = planStack(desired(cwd), PORTS);
    writeStackState(cwd, state);
    expect(readStackState(cwd)).toEqual(state);
    expect(statSync(stackPaths(cwd).state).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['half a file', '{"version": 1, "mode": "kube', 'it is not JSON'],
    ['an empty file', '', 'it is not JSON'],
    ['another shape', '[]', 'top level'],
    ['a wrong field', '{"version": 1, "mode": "both"}', 'mode'],
  ])('names what is wrong with %s and what to do', (_, content, reason) => {
    const cwd = stackFolder(content);
    expect(() => readStackState(cwd)).toThrow(`${stackPaths(cwd).state} cannot be read: ${reason}`);
    expect(() => readStackState(cwd)).toThrow(
      expect.objectContaining({ code: 'BadStackState', hint: expect.stringContaining('sedna up') }),
    );
  });
});

describe('the plan', () => {
  it('gives each process what it needs and nothing of Kubernetes to the local controllers', () => {
    const { components } = planStack(desired('/w'), PORTS);
    const named = Object.fromEntries(components.map((component) => [component.name, component]));
    expect(Object.keys(named)).toEqual(['temporal', 'etcd', 'kube-apiserver', 'gm', 'lc/edge-1']);
    const common = {
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      TEMPORAL_NAMESPACE: 'default',
      SEDNA_BLOB_URL: 'file:///w/.sedna/blobs',
    };
    expect(named.gm?.env).toEqual({ ...common, SEDNA_KUBECONFIG: '/w/.sedna/kubeconfig' });
    expect(named['lc/edge-1']?.env).toEqual({
      ...common,
      SEDNA_STATE_DIR: '/w/.sedna/nodes/edge-1',
      SEDNA_IMAGES: '/a.yaml:/b.yaml',
      SEDNA_IMAGES_DIGEST: expect.any(String),
    });
    expect(named['lc/edge-1']?.args.slice(1)).toEqual(['lc', '--node', 'edge-1', '--role', 'edge', '--port', '9']);
  });

  it('starts local controllers anew when an image list was edited, and nothing else', () => {
    const cwd = stackFolder();
    const images = [join(cwd, 'images.yaml')];
    const plan = (content: string) => {
      writeFileSync(images[0] ?? '', content);
      return planStack({ ...desired(cwd), images }, PORTS).components;
    };
    const [first, same, edited] = [plan('images: []'), plan('images: []'), plan('strategies: []')];
    expect(same).toEqual(first);
    expect(edited.filter((one, i) => JSON.stringify(one) !== JSON.stringify(first[i])).map(({ name }) => name)).toEqual(
      ['lc/edge-1'],
    );
  });

  it('leaves Kubernetes out in standalone mode', () => {
    const { components, state } = planStack({ ...desired('/w'), mode: 'standalone' }, PORTS);
    expect(components.map(({ name }) => name)).toEqual(['temporal', 'gm', 'lc/edge-1']);
    expect(components[1]?.env).not.toHaveProperty('SEDNA_KUBECONFIG');
    expect(state.kubeconfig).toBeUndefined();
  });

  it('starts no API server where a cluster is given', () => {
    const { components, state } = planStack({ ...desired('/w'), externalKubeconfig: '/home/me/config' }, PORTS);
    expect(components.map(({ name }) => name)).toEqual(['temporal', 'gm', 'lc/edge-1']);
    expect(state).toMatchObject({ mode: 'kubernetes', ownKubernetes: false, kubeconfig: '/home/me/config' });
  });

  it('leaves out what somebody runs by hand', () => {
    const { components } = planStack({ ...desired('/w'), without: ['gm', 'lc'] }, PORTS);
    expect(components.map(({ name }) => name)).toEqual(['temporal', 'etcd', 'kube-apiserver']);
  });
});
