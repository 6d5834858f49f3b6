/** The real stack with links that can be taken away: GM and the edge's LC reach Temporal and the API server through proxies. */
import { Client, Connection } from '@temporalio/client';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../deploy/local/files.ts';
import { freePort } from '../../../workers/lib/ports.ts';
import { readStackState, stackPaths, type StackState } from '../../../deploy/local/state.ts';
import { until } from '../../../deploy/local/wait.ts';
import { isAlive, signal, type ProcessRef } from '../../../workers/lib/process.ts';
import { viewEntity } from '../../../activities/lib/entities.ts';
import { DigitsStack, type JobStatus } from '../../support/digits-stack.ts';
import { KeptProcess } from './kept.ts';
import type { Target, volumes } from './plan.ts';
import { TcpProxy } from './proxy.ts';
import { SmallDisk } from '../../support/small-disk.ts';

export const node = 'edge-1';

export type LinkName = 'gm' | 'lc' | 'api';
type Links = Record<LinkName, TcpProxy>;
type Volume = (typeof volumes)[number];

export interface WorldOptions {
  /** A second global manager beside the one that faults hit. */
  managers?: 1 | 2;
  /** What the edge writes to lies on disks that are small enough to be filled. */
  smallDisks?: boolean;
}

export class World {
  readonly stack: DigitsStack;
  readonly disks: Partial<Record<Volume, SmallDisk>> = {};
  readonly kept: Partial<Record<'gm' | 'gm2' | 'lc', KeptProcess>> = {};
  #links: Partial<Links> = {};
  #connection: Connection | undefined;

  private constructor(name: string) {
    this.stack = new DigitsStack(name);
  }

  /** Whatever was started goes again when this throws. */
  static async start(name: string, options: WorldOptions = {}): Promise<World> {
    const world = new World(name);
    try {
      await world.#start(options);
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  async #start({ managers = 1, smallDisks = false }: WorldOptions): Promise<void> {
    const { stack } = this;
    const paths = stackPaths(stack.cwd);
    if (smallDisks) {
      this.disks.data = new SmallDisk(stack.data, 48);
      this.disks.state = new SmallDisk(paths.node(node), 32);
      this.disks.blobs = new SmallDisk(paths.blobs, 32);
    }
    await stack.up('--without', 'gm,lc', '--nodes', node);
    const state = readStackState(stack.cwd);
    if (state === undefined) throw new Error('the stack did not start');
    const links: Links = {
      gm: await new TcpProxy(target(state.temporal.address)).listen(),
      lc: await new TcpProxy(target(state.temporal.address)).listen(),
      api: await new TcpProxy({ host: '127.0.0.1', port: apiPort(state) }).listen(),
    };
    this.#links = links;
    this.kept.gm = await gm('gm', stack, state, links);
    if (managers === 2) this.kept.gm2 = await gm('gm2', stack, state, links);
    this.kept.lc = await lc(stack, state, links);
    await Promise.all(Object.values(this.kept).map((process) => process.start()));
    this.#connection = await Connection.connect({ address: state.temporal.address });
  }

  get client(): Client {
    if (this.#connection === undefined) throw new Error('the world is not up');
    return new Client({ connection: this.#connection });
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.kept).map((process) => process.stop()));
    // The client goes on retrying calls that it was refused, and throws out of a timer when its channel is gone by then: it is left
    // open for longer than it retries.
    const connection = this.#connection;
    setTimeout(() => void connection?.close(), 120_000).unref();
    await this.stack.down().catch(() => undefined);
    await Promise.all(Object.values(this.#links).map((link) => link.close()));
    for (const disk of Object.values(this.disks)) disk.close();
  }

  link(name: LinkName): TcpProxy {
    const link = this.#links[name];
    if (link === undefined) throw new Error('the world is not up');
    return link;
  }

  /** Signals the processes of a target; how many there were: a stage worker may not run at the moment. */
  signal(name: Target, with_: NodeJS.Signals): number {
    return this.processes(name).filter((process) => signal(process, with_)).length;
  }

  processes(name: Target): ProcessRef[] {
    if (name === 'gm' || name === 'lc') {
      const process = this.kept[name]?.process;
      return process === undefined ? [] : [process];
    }
    const scripts: Partial<Record<Target, string[]>> = { stage: ['train.ts', 'evaluate.ts'], inference: ['serve.ts'] };
    const words = scripts[name];
    if (words !== undefined) return words.flatMap((word) => this.stack.workers(node, word));
    const component = this.stack.component(name === 'api' ? 'kube-apiserver' : name);
    return isAlive(component) ? [component] : [];
  }

  /** The job's own word, asked of its entity; undefined while nobody can answer. */
  status(): Promise<JobStatus | undefined> {
    return this.#view<JobStatus>('IncrementalLearningJob', 'digits');
  }

  /** The status of an entity, asked again until somebody answers. */
  async ask<T>(kind: string, name: string, boundMs: number): Promise<T> {
    let status: T | undefined;
    if (!(await until(async () => (status = await this.#view<T>(kind, name)) !== undefined, boundMs)))
      throw new Error(`${kind}/${name} gives no answer`);
    return status as T;
  }

  async #view<T>(kind: string, name: string): Promise<T | undefined> {
    try {
      const ref = { kind, namespace: 'default', name };
      const view = await Promise.race([viewEntity(this.client, ref), rejectAfter(2_000)]);
      return view?.status as T | undefined;
    } catch {
      return undefined;
    }
  }

  async endpoint(): Promise<string | undefined> {
    return (await this.status())?.endpoints?.[0]?.url;
  }
}

function target(address: string): { host: string; port: number } {
  const [host = '127.0.0.1', port = '7233'] = address.split(':');
  return { host, port: Number(port) };
}

function apiPort(state: StackState): number {
  const known = state.ports['kube-apiserver'] ?? state.components.find(({ name }) => name === 'kube-apiserver')?.port;
  if (known === undefined) throw new Error('this campaign needs the API server; sedna doctor says what is missing');
  return known;
}

function rejectAfter(ms: number): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Error('no answer')), ms));
}

async function gm(name: string, stack: DigitsStack, state: StackState, links: Links): Promise<KeptProcess> {
  const kubeconfig = join(stack.cwd, 'proxied.kubeconfig');
  const text = readFileSync(state.kubeconfig ?? '', 'utf8').replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${links.api.port}`);
  writeFileSync(kubeconfig, text, { mode: 0o600 });
  const env = { TEMPORAL_ADDRESS: `127.0.0.1:${links.gm.port}`, SEDNA_KUBECONFIG: kubeconfig };
  return kept(name, ['gm', '--port', String(await freePort())], { stack, state, env });
}

async function lc(stack: DigitsStack, state: StackState, links: Links): Promise<KeptProcess> {
  const env = {
    TEMPORAL_ADDRESS: `127.0.0.1:${links.lc.port}`,
    SEDNA_STATE_DIR: stackPaths(stack.cwd).node(node),
    SEDNA_IMAGES: state.images.join(':'),
  };
  return kept('lc', ['lc', '--node', node, '--port', String(await freePort())], { stack, state, env });
}

interface Surroundings {
  stack: DigitsStack;
  state: StackState;
  env: Record<string, string>;
}

function kept(name: string, args: string[], { stack, state, env }: Surroundings): KeptProcess {
  return new KeptProcess({
    command: process.execPath,
    args: [join(packageRoot(), 'cli', 'main.ts'), ...args],
    cwd: stack.cwd,
    env: { ...process.env, TZ: 'UTC', TEMPORAL_NAMESPACE: 'default', SEDNA_BLOB_URL: state.blobUrl, ...env },
    log: join(stack.cwd, `${name}.log`),
  });
}
