import { pathToFileURL } from 'node:url';
import type { Component } from './component.ts';
import { kubernetesServers } from './kubernetes.ts';
import { globalManager, localController, type SednaSettings } from './sedna.ts';
import { stackPaths, type NodeSpec, type StackState } from './state.ts';
import { temporalServer } from './temporal.ts';

/** Everything that decides which processes a stack consists of. */
export interface Desired {
  cwd: string;
  mode: 'kubernetes' | 'standalone';
  /** An existing cluster's kubeconfig; without it Kubernetes mode runs an API server of its own. */
  externalKubeconfig?: string | undefined;
  binaries: { temporal: string; etcd?: string; apiServer?: string };
  nodes: NodeSpec[];
  images: string[];
  /** Names or groups that somebody runs by hand: `gm`, `lc`, `lc/edge-1`. */
  without: string[];
}

export function portNames(desired: Desired): string[] {
  const names = ['temporal', 'temporal-http', 'temporal-ui', 'temporal-metrics'];
  if (runsKubernetes(desired)) names.push('etcd', 'etcd-peer', 'kube-apiserver');
  return [...names, 'gm', ...desired.nodes.map((node) => `lc/${node.name}`)];
}

export function runsKubernetes(desired: Desired): boolean {
  return desired.mode === 'kubernetes' && !desired.externalKubeconfig;
}

/** The stack's state with nothing running yet, and its components in the order in which they are stopped last to first. */
export function planStack(
  desired: Desired,
  ports: Record<string, number>,
): { state: StackState; components: Component[] } {
  const paths = stackPaths(desired.cwd);
  const port = (name: string): number => ports[name] ?? 0;
  const kubeconfig = desired.mode === 'standalone' ? undefined : (desired.externalKubeconfig ?? paths.kubeconfig);
  const settings: SednaSettings = {
    temporalAddress: `127.0.0.1:${port('temporal')}`,
    blobUrl: pathToFileURL(paths.blobs).href,
    kubeconfig,
    images: desired.images,
  };
  const grpc = port('temporal');
  const temporalPorts = {
    grpc,
    http: port('temporal-http'),
    ui: port('temporal-ui'),
    metrics: port('temporal-metrics'),
  };
  const components: Component[] = [
    temporalServer({ binary: desired.binaries.temporal, ports: temporalPorts, dbFile: paths.temporalDb }),
  ];
  if (runsKubernetes(desired)) {
    const servers = kubernetesServers({
      binaries: { etcd: desired.binaries.etcd ?? '', apiServer: desired.binaries.apiServer ?? '' },
      dir: paths.kubernetes,
      ports: { etcd: port('etcd'), peer: port('etcd-peer'), api: port('kube-apiserver') },
    });
    components.push(servers.etcd, servers.api);
  }
  components.push(globalManager(port('gm'), settings));
  for (const node of desired.nodes) {
    components.push(localController(node, port(`lc/${node.name}`), { ...settings, stateDir: paths.node(node.name) }));
  }
  const left = (name: string): boolean => desired.without.some((out) => name === out || name.startsWith(`${out}/`));
  return {
    components: components.filter(({ name }) => !left(name)),
    state: {
      version: 1,
      mode: desired.mode,
      temporal: { address: settings.temporalAddress, ui: `http://127.0.0.1:${port('temporal-ui')}` },
      kubeconfig,
      ownKubernetes: runsKubernetes(desired),
      blobUrl: settings.blobUrl,
      images: desired.images,
      nodes: desired.nodes,
      without: desired.without,
      ports,
      components: [],
    },
  };
}
