/** All of Kubernetes that a global manager has. Loaded only in a cluster: client-node is 900 files and 40 MB of memory. */
import { connectKube } from '../../activities/control/kube/client.ts';
import { KubeObjects } from '../../activities/control/kube/objects.ts';
import { Watcher, type WatcherDependencies } from './watcher.ts';

export interface Cluster {
  objects: KubeObjects;
  watcher(deps: Omit<WatcherDependencies, 'kube'>): Watcher;
}

export function connectCluster(kubeconfig: string): Cluster {
  const kube = connectKube(kubeconfig);
  return { objects: new KubeObjects(kube), watcher: (deps) => new Watcher({ ...deps, kube }) };
}
