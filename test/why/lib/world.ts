/** A real stack for all situations: Temporal, API server, GM and local controllers, started as processes of their own. */
import { Client, Connection } from '@temporalio/client';
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stringify } from 'yaml';
import { findBinary } from '../../../deploy/local/binaries.ts';
import type { Component } from '../../../deploy/local/component.ts';
import { lastLines } from '../../../deploy/local/files.ts';
import { allocatePorts } from '../../../deploy/local/ports.ts';
import { run } from '../../../deploy/local/run.ts';
import { globalManager, localController, type SednaSettings } from '../../../deploy/local/sedna.ts';
import { readStackState, stackPaths, type StackState } from '../../../deploy/local/state.ts';
import { connectKube } from '../../../activities/control/kube/client.ts';
import { findKind } from '../../../crds/registry.ts';
import { until } from '../../../deploy/local/wait.ts';
import { KubeObjectStore } from '../../../workers/kube/object-store.ts';
import { stopProcess, type ProcessRef } from '../../../workers/lib/process.ts';
import { runCli, temporaryFolder, type CliResult } from '../../support/cli.ts';
import { startServer } from '../../support/test-run.ts';
import { matches } from './matches.ts';
import type { Manifest } from './situation.ts';

type Status = Record<string, unknown>;

export interface Known {
  uid: string;
  status: Status | undefined;
}

const looked = ['Dataset', 'IncrementalLearningJob', 'FederatedLearningJob', 'JointInferenceService', 'ReidJob'];
const knownMs = 300_000;
/** Each look reads every object, of which there are some two hundred. */
const snapshotMs = 1_000;
export const closelyMs = 300;

/** A file system with room for nothing much, if this user may mount one. */
const tinyBytes = '64k';

export class World {
  readonly cwd = temporaryFolder('why');
  readonly #processes = new Map<string, ProcessRef>();
  #tiny: string | undefined;
  #kube: KubeObjectStore | undefined;
  #read: { at: number; objects: Promise<Map<string, Known>> } | undefined;

  async up(): Promise<void> {
    const { code, stdout, stderr } = await runCli(['up', '--detach', '--without', 'gm,lc'], this.cwd);
    if (code !== 0) throw new Error(`sedna up: exit ${code}\n${stdout}${stderr}`);
    this.#mount();
    const nodes = ['edge-1', 'lost-1', 'cut-1', 'blind-1', ...(this.#tiny === undefined ? [] : ['full-1'])];
    await Promise.all([this.startManager(), ...nodes.map((node) => this.startNode(node))]);
  }

  async down(): Promise<void> {
    await Promise.all([...this.#processes.keys()].map((name) => this.stop(name)));
    await runCli(['down', '--purge'], this.cwd);
    if (this.#tiny !== undefined) spawnSync('umount', [this.#tiny]);
  }

  get state(): StackState {
    const state = readStackState(this.cwd);
    if (state === undefined) throw new Error('no stack');
    return state;
  }

  /** Absolute path of a folder of one situation. */
  folder(name: string): string {
    const folder = join(this.cwd, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** Path of an index file with so many lines. */
  samples(name: string, count: number, prefix = 'sample'): string {
    const file = join(this.folder(name), 'index.txt');
    writeFileSync(file, Array.from({ length: count }, (_, i) => `${prefix} ${i}\n`).join(''));
    return file;
  }

  /** Mount point of a file system without room; undefined where there is none. */
  get fullDisk(): string | undefined {
    return this.#tiny;
  }

  settings(change: Partial<SednaSettings> = {}): SednaSettings {
    const { temporal, blobUrl, kubeconfig } = this.state;
    return { temporalAddress: temporal.address, blobUrl, kubeconfig, images: [this.#images()], ...change };
  }

  async startManager(): Promise<void> {
    const { gm = 0 } = await allocatePorts(['gm']);
    await this.#start('why-gm', globalManager(gm, this.settings()));
  }

  /** `blind-1` has a blob store that nobody can write, `full-1` no room for tasks. */
  async startNode(node: string): Promise<void> {
    const { port = 0 } = await allocatePorts(['port']);
    const settings = this.settings(
      node === 'blind-1' ? { blobUrl: pathToFileURL(join(this.samples('blocked', 1), 'blobs')).href } : {},
    );
    // Where `sedna down` looks for workers that a controller left behind.
    const stateDir = stackPaths(this.cwd).node(node);
    if (node === 'full-1' && this.#tiny !== undefined) {
      mkdirSync(stateDir, { recursive: true });
      symlinkSync(this.#tiny, join(stateDir, 'tasks'));
    }
    const controller = localController({ name: node, role: 'edge' }, port, { ...settings, stateDir });
    // Workers that never end must not keep others waiting.
    await this.#start(`why-${node}`, { ...controller, env: { ...controller.env, SEDNA_SLOTS: '40' } });
  }

  async stop(name: string): Promise<void> {
    const ref = this.#processes.get(name);
    this.#processes.delete(name);
    if (ref !== undefined) await stopProcess(ref, 0);
  }

  /** Stops a component of `sedna up` for good: first who would start it again. */
  async stopComponent(name: string): Promise<void> {
    const { supervisor, components } = this.state;
    if (supervisor !== undefined) await stopProcess(supervisor, 0);
    const found = components.find((one) => one.name === name);
    if (found !== undefined) await stopProcess(found, 0);
  }

  async #start(name: string, component: Component): Promise<void> {
    const run = dirname(this.cwd);
    this.#processes.set(name, await startServer(run, { ...component, name }));
  }

  log(name: string): string {
    return lastLines(join(dirname(this.cwd), `${name}.log`), 200).join('\n');
  }

  async apply(manifests: Manifest[]): Promise<void> {
    const file = join(this.cwd, `apply-${manifests.at(-1)?.metadata.name}.json`);
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }));
    await this.kubectl('apply', '-f', file);
  }

  async kubectl(...args: string[]): Promise<string> {
    const binary = findBinary('kubectl')?.path ?? 'kubectl';
    return run(binary, ['--kubeconfig', stackPaths(this.cwd).kubeconfig, ...args], { boundMs: 60_000 });
  }

  /** Says a verb by annotation, once the object has been taken up. */
  async say(kind: string, name: string, verb: string): Promise<void> {
    await this.known(kind, name, { phase: /./ });
    await this.kubectl('annotate', kind, name, '--overwrite', `sedna.io/${verb}=now`);
  }

  /** Waits until its status has what is expected; regular expressions are matched with text. */
  async known(kind: string, name: string, expected: Record<string, unknown>, everyMs = snapshotMs): Promise<Known> {
    let last: Known | undefined;
    const holds = async (): Promise<boolean> => {
      last = (await this.#objects(everyMs)).get(`${findKind(kind)?.kind}/${name}`);
      return last !== undefined && matches(last.status, expected);
    };
    if ((await until(holds, knownMs, { everyMs })) && last !== undefined) return last;
    const found = JSON.stringify(last?.status);
    const { stdout: explained } = await this.sedna('explain', `${kind}/${name}`);
    throw new Error(`${kind}/${name} never had ${JSON.stringify(Object.keys(expected))}, but ${found}\n${explained}`);
  }

  /** All objects, read at most every so often however many ask. */
  #objects(everyMs: number): Promise<Map<string, Known>> {
    if (this.#read === undefined || Date.now() - this.#read.at >= everyMs) {
      this.#read = { at: Date.now(), objects: this.#list() };
    }
    return this.#read.objects;
  }

  async #list(): Promise<Map<string, Known>> {
    this.#kube ??= new KubeObjectStore(connectKube(stackPaths(this.cwd).kubeconfig));
    const kube = this.#kube;
    const lists = await Promise.all(looked.map((kind) => kube.list(kind, 'default')));
    const found = new Map<string, Known>();
    for (const [i, objects] of lists.entries()) {
      for (const { metadata, status } of objects)
        found.set(`${looked[i]}/${metadata.name}`, {
          uid: metadata.uid ?? '',
          status: withLast(status as Status | undefined),
        });
    }
    return found;
  }

  /** Ends a workflow as an operator does, past its entity. */
  async terminate(workflowId: string): Promise<void> {
    const connection = await Connection.connect({ address: this.state.temporal.address });
    try {
      await new Client({ connection }).workflow.getHandle(workflowId).terminate('somebody tidies up');
    } finally {
      await connection.close();
    }
  }

  sedna(...args: string[]): Promise<CliResult> {
    return runCli(args, this.cwd, { SEDNA_NO_DOWNLOAD: '1' });
  }

  #images(): string {
    const file = join(this.cwd, 'images.yaml');
    const script = join(import.meta.dirname, 'worker.js');
    const images = [
      { image: 'why/worker', dir: '.', command: ['node', script] },
      { image: 'why/idle', dir: '.', command: ['sleep', '600'] },
      ...['trainer', 'aggregator'].map((name) => ({
        image: `why/${name}`,
        dir: '.',
        command: ['node', join(import.meta.dirname, `../../workers/support/sedna-${name}.ts`)],
      })),
    ];
    writeFileSync(file, stringify({ images }));
    return file;
  }

  #mount(): void {
    const folder = this.folder('full');
    const options = ['-t', 'tmpfs', '-o', `size=${tinyBytes}`, 'tmpfs', folder];
    if (process.platform !== 'linux' || spawnSync('mount', options).status !== 0) return;
    this.#tiny = folder;
    try {
      writeFileSync(join(folder, 'filling'), Buffer.alloc(1 << 20));
    } catch {
      // It is full now.
    }
  }
}

/** With `last`, the state of the stage (`Train/Running`): the last condition, as Sedna has it. */
function withLast(status: Status | undefined): Status | undefined {
  const conditions = (status?.['conditions'] ?? []) as { stage?: string; type: string }[];
  const last = conditions.at(-1);
  return status === undefined || last === undefined ? status : { ...status, last: `${last.stage}/${last.type}` };
}
