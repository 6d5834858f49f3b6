/** The real stack with links that can be taken away: GM and the edge's LC reach Temporal and the API server through proxies. */
import { Client, Connection } from '@temporalio/client';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../deploy/local/files.ts';
import { freePort } from '../../../workers/lib/ports.ts';
import { readStackState, stackPaths, type StackState } from '../../../deploy/local/state.ts';
import { signal } from '../../../workers/lib/process.ts';
import { viewEntity } from '../../../activities/lib/entities.ts';
import { DigitsStack, type JobStatus } from '../../support/digits-stack.ts';
import { KeptProcess } from './kept.ts';
import type { Target } from './plan.ts';
import { TcpProxy } from './proxy.ts';

const node = 'edge-1';
const job = { kind: 'IncrementalLearningJob', namespace: 'default', name: 'digits' };

export class World {
  readonly stack: DigitsStack;
  readonly client: Client;
  readonly #connection: Connection;
  readonly #links: Record<'gm' | 'lc' | 'api', TcpProxy>;
  readonly #kept: Record<'gm' | 'lc', KeptProcess>;

  private constructor(
    stack: DigitsStack,
    connection: Connection,
    links: Record<'gm' | 'lc' | 'api', TcpProxy>,
    kept: Record<'gm' | 'lc', KeptProcess>,
  ) {
    this.stack = stack;
    this.#connection = connection;
    this.client = new Client({ connection });
    this.#links = links;
    this.#kept = kept;
  }

  static async start(name: string): Promise<World> {
    const stack = new DigitsStack(name);
    await stack.up('--without', 'gm,lc', '--nodes', node);
    const state = readStackState(stack.cwd);
    if (state === undefined) throw new Error('the stack did not start');
    const links = {
      gm: await new TcpProxy(target(state.temporal.address)).listen(),
      lc: await new TcpProxy(target(state.temporal.address)).listen(),
      api: await new TcpProxy({ host: '127.0.0.1', port: state.ports['kube-apiserver'] ?? apiPort(state) }).listen(),
    };
    const kept = { gm: await gm(stack, state, links), lc: await lc(stack, state, links) };
    await Promise.all([kept.gm.start(), kept.lc.start()]);
    return new World(stack, await Connection.connect({ address: state.temporal.address }), links, kept);
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#kept).map((process) => process.stop()));
    await this.#connection.close();
    await this.stack.down();
    await Promise.all(Object.values(this.#links).map((link) => link.close()));
  }

  link(name: 'gm' | 'lc' | 'api'): TcpProxy {
    return this.#links[name];
  }

  /** Signals the process of a target; a stage worker that does not run at the moment is left alone. */
  signal(name: Target, with_: NodeJS.Signals): void {
    if (name === 'gm' || name === 'lc') return this.#kept[name].signal(with_);
    const scripts: Partial<Record<Target, string[]>> = { stage: ['train.ts', 'evaluate.ts'], inference: ['serve.ts'] };
    const words = scripts[name];
    if (words === undefined) {
      signal(this.stack.component(name === 'api' ? 'kube-apiserver' : name), with_);
      return;
    }
    for (const word of words) for (const worker of this.stack.workers(node, word)) signal(worker, with_);
  }

  /** The job's own word, asked of its entity; undefined while nobody can answer. */
  async status(): Promise<JobStatus | undefined> {
    try {
      const view = await Promise.race([viewEntity(this.client, job), rejectAfter(2_000)]);
      return view?.status as JobStatus | undefined;
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
  const found = state.components.find(({ name }) => name === 'kube-apiserver');
  if (found === undefined) throw new Error('this campaign needs the API server; sedna doctor says what is missing');
  return found.port;
}

function rejectAfter(ms: number): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Error('no answer')), ms));
}

interface Links {
  gm: TcpProxy;
  lc: TcpProxy;
  api: TcpProxy;
}

async function gm(stack: DigitsStack, state: StackState, links: Links): Promise<KeptProcess> {
  const kubeconfig = join(stack.cwd, 'proxied.kubeconfig');
  const text = readFileSync(state.kubeconfig ?? '', 'utf8').replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${links.api.port}`);
  writeFileSync(kubeconfig, text, { mode: 0o600 });
  const env = { TEMPORAL_ADDRESS: `127.0.0.1:${links.gm.port}`, SEDNA_KUBECONFIG: kubeconfig };
  return kept(['gm', '--port', String(await freePort())], stack, state, env);
}

async function lc(stack: DigitsStack, state: StackState, links: Links): Promise<KeptProcess> {
  const env = {
    TEMPORAL_ADDRESS: `127.0.0.1:${links.lc.port}`,
    SEDNA_STATE_DIR: stackPaths(stack.cwd).node(node),
    SEDNA_IMAGES: state.images.join(':'),
  };
  return kept(['lc', '--node', node, '--port', String(await freePort())], stack, state, env);
}

function kept(args: string[], stack: DigitsStack, state: StackState, env: Record<string, string>): KeptProcess {
  const [name = ''] = args;
  return new KeptProcess(name, {
    command: process.execPath,
    args: [join(packageRoot(), 'cli', 'main.ts'), ...args],
    cwd: stack.cwd,
    env: { ...process.env, TZ: 'UTC', TEMPORAL_NAMESPACE: 'default', SEDNA_BLOB_URL: state.blobUrl, ...env },
    log: join(stack.cwd, `${name}.log`),
  });
}
