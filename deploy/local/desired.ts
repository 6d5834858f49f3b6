import { existsSync } from 'node:fs';
import { readImages, readStrategies } from '../../workers/runtimes/process/images.ts';
import { findBinary } from './binaries.ts';
import { StackError } from './errors.ts';
import { obtainBinaries, type Say } from './obtain.ts';
import type { Desired } from './plan.ts';
import { isAlive } from '../../workers/lib/process.ts';
import type { NodeSpec, StackState } from './state.ts';

/** What the user asked for; what is left out stays as it was while the stack runs. */
export interface UpRequest {
  cwd: string;
  standalone?: boolean;
  /** Absolute path of an existing cluster's kubeconfig. */
  kubeconfig?: string;
  nodes?: NodeSpec[];
  /** Absolute paths; added to the earlier ones. */
  images?: string[];
  without?: string[];
}

const DEFAULT_NODES: NodeSpec[] = [
  { name: 'cloud-1', role: 'cloud' },
  { name: 'edge-1', role: 'edge' },
  { name: 'edge-2', role: 'edge' },
];

/** Combines the request with the earlier stack and gets the binaries; falls back to standalone where no API server is to be had. */
export async function settle(request: UpRequest, before: StackState | undefined, say: Say): Promise<Desired> {
  const running = before?.components.some(isAlive) ? before : undefined;
  const images = mergeImages(before?.images, request.images, say);
  const front = frontEnd(request, running);
  if (running) await refuseStranding(front, running);
  const external = typeof front === 'object' ? front.kubeconfig : undefined;
  const temporal = obtainBinaries(['temporal'], say);
  temporal.catch(() => undefined); // Reported where it is awaited.
  const kubernetes = front === 'own' ? await kubernetesBinaries(say) : undefined;
  return {
    cwd: request.cwd,
    mode: kubernetes || external ? 'kubernetes' : 'standalone',
    externalKubeconfig: external,
    binaries: { temporal: (await temporal).temporal.path, ...kubernetes },
    ...composition(request, before, running),
    images,
  };
}

function composition(
  request: UpRequest,
  before: StackState | undefined,
  running: StackState | undefined,
): Pick<Desired, 'nodes' | 'without'> {
  return {
    nodes: request.nodes ?? before?.nodes ?? DEFAULT_NODES,
    without: request.without ?? running?.without ?? [],
  };
}

type FrontEnd = 'own' | 'none' | { kubeconfig: string };

/** Options decide; without them a running stack stays what it is. */
function frontEnd(request: UpRequest, running: StackState | undefined): FrontEnd {
  if (request.standalone) return 'none';
  if (request.kubeconfig) return { kubeconfig: request.kubeconfig };
  if (!running || running.ownKubernetes) return 'own';
  return running.kubeconfig ? { kubeconfig: running.kubeconfig } : 'none';
}

/** Entities of objects that are kept in a cluster listen to it: without it they can be neither changed nor deleted. */
async function refuseStranding(front: FrontEnd, { mode, kubeconfig, ownKubernetes }: StackState): Promise<void> {
  if (mode !== 'kubernetes' || kubeconfig === undefined) return;
  const stays = front === 'own' ? ownKubernetes : front !== 'none' && front.kubeconfig === kubeconfig;
  if (stays) return;
  const { kubernetesObjects } = await import('./kubernetes-objects.ts');
  const kept = await kubernetesObjects(kubeconfig);
  if (kept === undefined || kept.length > 0) {
    const what = kept === undefined ? 'which does not answer, may keep objects' : `keeps ${kept.join(', ')}`;
    throw new StackError(
      `the running stack's API server (${kubeconfig}) ${what}: without it they cannot be changed or deleted`,
      {
        code: 'ObjectsInKubernetes',
        hint: 'delete them first (sedna delete KIND/NAME), or sedna down and start the other stack in another folder',
      },
    );
  }
}

/** An earlier file that was removed is forgotten: nobody can say any more what it allowed. */
function mergeImages(before: string[] = [], added: string[] = [], say: Say): string[] {
  const gone = before.filter((path) => !existsSync(path) && !added.includes(path));
  for (const path of gone) say(`${path}, given as --images earlier, is gone; going on without it`);
  const images = [...new Set([...before, ...added])].filter((path) => !gone.includes(path));
  images.forEach(checkImages);
  return images;
}

/** undefined, with the reason said, when they are not to be had. A wrong KUBEBUILDER_ASSETS is an error all the same. */
async function kubernetesBinaries(say: Say): Promise<KubernetesBinaries | undefined> {
  const names = ['etcd', 'kube-apiserver'] as const;
  for (const name of [...names, 'kubectl'] as const) {
    if (!findBinary(name)) say(`${name}: not found yet, getting it (once; it is cached)`);
  }
  try {
    const found = await obtainBinaries([...names], say);
    // The stack runs without kubectl; only the user's own commands need one.
    await obtainBinaries(['kubectl'], say).catch((error: Error) => say(error.message));
    return { etcd: found.etcd.path, apiServer: found['kube-apiserver'].path };
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    say('going on standalone: all commands of sedna work, kubectl does not; sedna doctor says how to mend it');
    return undefined;
  }
}

interface KubernetesBinaries {
  etcd: string;
  apiServer: string;
}

function checkImages(path: string): void {
  try {
    readImages([path]);
    readStrategies([path]);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new StackError(`--images: ${message.startsWith(path) ? message : `${path}: ${message}`}`, {
      code: 'BadImages',
      hint: 'write images: [{image: "example/*", dir: ., command: [python3, main.py]}] as YAML or JSON',
      cause: error,
    });
  }
}
