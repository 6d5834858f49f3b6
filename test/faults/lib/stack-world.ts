/** A real stack with links that can be taken away: GM and each LC reach Temporal, and GM the API server, through proxies. */
import { Client, Connection } from '@temporalio/client';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { viewEntity } from '../../../activities/lib/entities.ts';
import { packageRoot } from '../../../deploy/local/files.ts';
import { readStackState, stackPaths, type StackState } from '../../../deploy/local/state.ts';
import { until } from '../../../deploy/local/wait.ts';
import { freePort } from '../../../workers/lib/ports.ts';
import { isAlive, signal, type ProcessRef } from '../../../workers/lib/process.ts';
import type { LocalStack } from '../../support/local-stack.ts';
import { SmallDisk } from '../../support/small-disk.ts';
import { closedOnInterrupt } from './interrupt.ts';
import { KeptProcess } from './kept.ts';
import { TcpProxy } from './proxy.ts';

/** A local controller that the world keeps running. `name`: what faults call it, and its link. */
export interface Controller {
  name: string;
  node: string;
  role?: 'cloud' | 'edge';
}

export interface StackOptions {
  controllers: Controller[];
  /** With two, the second one, `gm2`, is beside the one that faults hit. */
  managers?: 1 | 2;
  /** Folders that are disks of their own, of so many MiB: small enough to be filled. */
  disks?: Record<string, { folder: string; megabytes: number }>;
  /** Of GM and LCs, besides what they need. */
  env?: Record<string, string>;
  /** Flags of `sedna up`. */
  flags?: string[];
}

export class StackWorld<S extends LocalStack = LocalStack> {
  readonly stack: S;
  readonly kept: Partial<Record<string, KeptProcess>> = {};
  readonly disks: Partial<Record<string, SmallDisk>> = {};
  readonly #options: StackOptions;
  readonly #links = new Map<string, TcpProxy>();
  #connection: Connection | undefined;
  #beginning: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #closed = (): void => undefined;

  constructor(stack: S, options: StackOptions) {
    this.stack = stack;
    this.#options = options;
  }

  /** Whatever was started goes again when this throws, and when the campaign is interrupted. */
  async begin(): Promise<this> {
    this.#closed = closedOnInterrupt(() => this.close());
    try {
      await (this.#beginning = this.#begin());
      return this;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async #begin(): Promise<void> {
    const { stack } = this;
    const { controllers, managers = 1, disks = {}, flags = [] } = this.#options;
    for (const [name, { folder, megabytes }] of Object.entries(disks))
      this.disks[name] = new SmallDisk(folder, megabytes);
    const nodes = controllers.map(({ node, role }) => (role === undefined ? node : `${node}:${role}`)).join(',');
    await stack.up('--without', 'gm,lc', '--nodes', nodes, ...flags);
    const state = readStackState(stack.cwd);
    if (state === undefined) throw new Error('the stack did not start');
    const temporal = target(state.temporal.address);
    const api = apiPort(state);
    for (const name of ['gm', ...controllers.map(({ name }) => name)])
      this.#links.set(name, await new TcpProxy(temporal).listen());
    this.#links.set('api', await new TcpProxy({ host: '127.0.0.1', port: api }).listen());
    this.kept['gm'] = await this.#gm('gm', state);
    if (managers === 2) this.kept['gm2'] = await this.#gm('gm2', state);
    for (const controller of controllers) this.kept[controller.name] = await this.#lc(controller, state);
    await Promise.all(this.#running.map((process) => process.start()));
    this.#connection = await Connection.connect({ address: state.temporal.address });
  }

  get #running(): KeptProcess[] {
    return Object.values(this.kept).filter((process) => process !== undefined);
  }

  get client(): Client {
    if (this.#connection === undefined) throw new Error('the world is not up');
    return new Client({ connection: this.#connection });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    // What is being started would be started after all.
    await this.#beginning.catch(() => undefined);
    await Promise.all(this.#running.map((process) => process.stop()));
    // The client goes on retrying calls that it was refused, and throws out of a timer when its channel is gone by then: it is left
    // open for longer than it retries.
    const connection = this.#connection;
    setTimeout(() => void connection?.close(), 120_000).unref();
    await this.stack.down().catch(() => undefined);
    await Promise.all([...this.#links.values()].map((link) => link.close()));
    for (const disk of Object.values(this.disks)) disk?.close();
    this.#closed();
  }

  link(name: string): TcpProxy {
    const link = this.#links.get(name);
    if (link === undefined) throw new Error(`the world has no link ${name}, or is not up`);
    return link;
  }

  /** Links that a target loses. */
  links(name: string): TcpProxy[] {
    return [this.link(name)];
  }

  /** Signals the processes of a target; how many there were: a worker may not run at the moment. */
  signal(name: string, with_: NodeJS.Signals): number {
    return this.processes(name).filter((process) => signal(process, with_)).length;
  }

  /** Of a component by its name; worlds add the workers of theirs. */
  processes(name: string): ProcessRef[] {
    if (name in this.kept) {
      const process = this.kept[name]?.process;
      return process === undefined ? [] : [process];
    }
    const component = this.stack.component(name === 'api' ? 'kube-apiserver' : name);
    return isAlive(component) ? [component] : [];
  }

  /** The status of an entity, asked again until somebody answers. */
  async ask<T>(kind: string, name: string, boundMs: number): Promise<T> {
    let status: T | undefined;
    if (!(await until(async () => (status = await this.view<T>(kind, name)) !== undefined, boundMs)))
      throw new Error(`${kind}/${name} gives no answer`);
    return status as T;
  }

  /** An entity's own word; undefined while nobody can answer. */
  async view<T>(kind: string, name: string): Promise<T | undefined> {
    try {
      const ref = { kind, namespace: 'default', name };
      const view = await Promise.race([viewEntity(this.client, ref), rejectAfter(2_000)]);
      return view?.status as T | undefined;
    } catch {
      return undefined;
    }
  }

  async #gm(name: string, state: StackState): Promise<KeptProcess> {
    const kubeconfig = join(this.stack.cwd, 'proxied.kubeconfig');
    const proxied = `127.0.0.1:${this.link('api').port}`;
    const text = readFileSync(state.kubeconfig ?? '', 'utf8').replace(/127\.0\.0\.1:\d+/, proxied);
    writeFileSync(kubeconfig, text, { mode: 0o600 });
    const env = { TEMPORAL_ADDRESS: `127.0.0.1:${this.link('gm').port}`, SEDNA_KUBECONFIG: kubeconfig };
    return this.#keep(name, ['gm', '--port', String(await freePort())], { ...env, SEDNA_BLOB_URL: state.blobUrl });
  }

  async #lc({ name, node, role = 'edge' }: Controller, state: StackState): Promise<KeptProcess> {
    const env = {
      TEMPORAL_ADDRESS: `127.0.0.1:${this.link(name).port}`,
      SEDNA_STATE_DIR: stackPaths(this.stack.cwd).node(node),
      SEDNA_IMAGES: state.images.join(':'),
      SEDNA_BLOB_URL: state.blobUrl,
    };
    return this.#keep(name, ['lc', '--node', node, '--role', role, '--port', String(await freePort())], env);
  }

  #keep(name: string, args: string[], env: Record<string, string>): KeptProcess {
    const { cwd } = this.stack;
    return new KeptProcess({
      command: process.execPath,
      args: [join(packageRoot(), 'cli', 'main.ts'), ...args],
      cwd,
      env: { ...process.env, TZ: 'UTC', TEMPORAL_NAMESPACE: 'default', ...this.#options.env, ...env },
      log: join(cwd, `${name}.log`),
    });
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
