import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { planFields } from '../../../crds/fields.ts';
import { validateManifest } from '../../../crds/validate.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import type { ApplyMessage } from '../../../workflows/lib/messages.ts';
import type { TestNamespace } from './namespace.ts';
import { ServiceNode } from './service-node.ts';

export interface ServiceChange {
  edge?: Record<string, unknown>;
  cloud?: Record<string, unknown>;
  /** Further fields of the spec. */
  spec?: Record<string, unknown>;
  edgeEnv?: Record<string, string>;
  cloudEnv?: Record<string, string>;
  edgePod?: Record<string, unknown>;
  cloudPod?: Record<string, unknown>;
  edgeModel?: string;
}

export interface StatusWorker {
  name: string;
  role: string;
  node: string;
  state: string;
  restarts: number;
  pid?: number;
  reason?: string;
  message?: string;
}

/** A joint inference service with its Models, on a cloud node and an edge node of its own. */
export class ServiceScene {
  readonly temporal: TestNamespace;
  readonly name: string;
  readonly cloud: ServiceNode;
  readonly edge: ServiceNode;
  readonly #blobUrl: string;
  readonly #traffic: { stop(): Promise<unknown> }[] = [];

  constructor(temporal: TestNamespace, name: string) {
    this.temporal = temporal;
    this.name = name;
    this.#blobUrl = join(process.env['TEST_RUN_DIR'] ?? '/tmp', `blobs-of-${temporal.name}`);
    this.cloud = this.node(`${name}-cloud`, { 'sedna.io/role': 'cloud' });
    this.edge = this.node(`${name}-edge`, { 'sedna.io/role': 'edge' });
  }

  node(name: string, labels: Record<string, string>): ServiceNode {
    return new ServiceNode(this.temporal, name, this.#blobUrl, labels);
  }

  get ref() {
    return { kind: 'JointInferenceService', namespace: 'default', name: this.name };
  }

  model(role = 'edge') {
    return { kind: 'Model', namespace: 'default', name: `${this.name}-${role}` };
  }

  async start(): Promise<this> {
    await Promise.all([this.cloud.start(), this.edge.start()]);
    return this;
  }

  /** `role` of a tier: its name. */
  async applyModel(role: string, content: string, format = 'txt'): Promise<void> {
    const { directory } = role === 'cloud' ? this.cloud : this.edge;
    const url = join(directory, `${content}.${format}`);
    if (format === 'txt') writeFileSync(url, content);
    await this.temporal.apply(this.model(role), { fields: { url, format, devices: [] } });
  }

  /** Validated and planned as everybody else does it. */
  async applyService(change: ServiceChange = {}, message: Partial<ApplyMessage> = {}): Promise<void> {
    const object = {
      apiVersion: 'sedna.io/v1alpha1',
      kind: 'JointInferenceService',
      metadata: { name: this.name, namespace: 'default' },
      spec: {
        edgeWorker: {
          model: { name: `${this.name}-edge` },
          hardExampleMining: { name: 'CrossEntropy', parameters: [{ key: 'threshold_cross_entropy', value: '0.9' }] },
          template: template(this.edge.name, change.edgeEnv, change.edgePod),
          ...change.edge,
        },
        cloudWorker: {
          model: { name: `${this.name}-cloud` },
          template: template(this.cloud.name, change.cloudEnv, change.cloudPod),
          ...change.cloud,
        },
        ...change.spec,
      },
    };
    const verdict = validateManifest(object);
    assert.ok(verdict.ok, JSON.stringify(verdict));
    const manifest = await openBlobStore(this.#blobUrl).put(JSON.stringify(verdict.manifest));
    const fields = planFields(verdict.kind, verdict.manifest.spec);
    await this.temporal.apply(this.ref, { fields, manifest, ...message });
  }

  async applyAll(change: ServiceChange = {}): Promise<void> {
    await Promise.all([this.applyModel('cloud', 'big'), this.applyModel('edge', 'little'), this.applyService(change)]);
  }

  /** An entry of `spec.tiers`; without a node it is for those with its label. */
  tier(
    name: string,
    { node, env, ...more }: { node?: string; env?: Record<string, string>; [field: string]: unknown } = {},
  ) {
    return {
      name,
      model: { name: this.model(name).name },
      hardExampleMining: { name: 'Entropy' },
      template: template(node, env),
      ...more,
    };
  }

  say(verb: string): Promise<void> {
    return this.temporal.signal(this.ref, verb);
  }

  /** Its status once it matches. */
  async status(expected: Record<string, unknown>, boundMs = 30_000): Promise<Record<string, unknown>> {
    const { status } = await this.temporal.view(
      this.ref,
      (view) => assert.partialDeepStrictEqual(view.status, expected),
      boundMs,
    );
    return status;
  }

  async workers(role?: string): Promise<StatusWorker[]> {
    const { status } = await this.temporal.view(this.ref);
    return ((status['workers'] ?? []) as StatusWorker[]).filter((worker) => role === undefined || worker.role === role);
  }

  async url(role: string): Promise<string> {
    const { status } = await this.temporal.view(this.ref);
    const endpoints = status['endpoints'] as { name: string; url: string }[];
    const url = endpoints.find(({ name }) => name === role)?.url;
    assert.ok(url);
    return url;
  }

  /** Requests to the endpoint of a role, until it is stopped, at the latest when the scene ends. */
  async load(role: string, clients = 4): Promise<ReturnType<typeof load>> {
    const traffic = load(await this.url(role), clients);
    this.#traffic.push(traffic);
    return traffic;
  }

  /** Numbers of replicas that are wanted, all sets together, and when they were seen first, until it is stopped. */
  replicaSteps() {
    const steps: { wanted: number; at: number }[] = [];
    const over = new AbortController();
    const watching = (async () => {
      while (!over.signal.aborted) {
        const { status } = await this.temporal.view(this.ref);
        const wanted = Number(String(status['replicas']).split('/')[1]);
        if (wanted !== steps.at(-1)?.wanted) steps.push({ wanted, at: performance.now() });
        await delay(100, undefined, over).catch(() => undefined);
      }
    })();
    const watched = {
      stop: async () => {
        over.abort();
        await watching;
        return steps;
      },
    };
    this.#traffic.push(watched);
    return watched;
  }

  async end(): Promise<void> {
    await Promise.all(this.#traffic.map((traffic) => traffic.stop()));
    await this.say('remove').catch(() => undefined);
    await Promise.all([this.cloud.end(), this.edge.end()]);
  }
}

function template(nodeName: string | undefined, env: Record<string, string> = {}, pod: Record<string, unknown> = {}) {
  const container = {
    name: 'replica',
    image: 'test/replica:v1',
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
    ports: [{ containerPort: 5000, name: 'http' }],
  };
  return { spec: { nodeName, containers: [container], ...pod } };
}

export interface Reply {
  worker: string;
  model: string;
  env?: Record<string, string>;
}

export async function ask(url: string, path = '/infer', body = '{}'): Promise<Reply> {
  const answer = await fetch(`${url}${path}`, { method: 'POST', body });
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Reply;
}

/** Requests without a pause until `stop`; what went wrong, and what answered. */
function load(url: string, clients = 4) {
  const failures: string[] = [];
  const models = new Map<string, number>();
  let going = true;
  const client = async (): Promise<void> => {
    while (going) {
      try {
        const { model } = await ask(url);
        models.set(model, (models.get(model) ?? 0) + 1);
      } catch (error) {
        failures.push(String(error));
        // A test that fails meanwhile does not stop it.
        if (failures.length >= 100) return;
      }
    }
  };
  const all = Array.from({ length: clients }, client);
  return {
    failures,
    models,
    async stop(): Promise<number> {
      going = false;
      await Promise.all(all);
      return [...models.values()].reduce((sum, count) => sum + count, 0) + failures.length;
    },
  };
}
