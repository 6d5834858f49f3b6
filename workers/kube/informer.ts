/** client-node's informer, made to survive: it is started again whenever its watch ends in an error, and its handlers never throw. */
import { makeInformer, type Informer, type KubernetesListObject, type KubernetesObject } from '@kubernetes/client-node';
import { statusCode, type Kube } from '../../activities/control/kube/client.ts';
import type { KindDefinition } from '../../crds/lib/kind.ts';
import { paragraphOf } from '../../workflows/lib/cures.ts';
import { logger } from '../lib/log.ts';
import type { KubeObject } from './decide.ts';

/** Somebody waits for the first list: an API server or a definition that has just come is noticed soon. */
const backoffMs = { first: 500, longestBeforeFirstList: 4_000, longest: 30_000 };
/** A full list now and then: an entity that is gone is noticed by nothing else. Objects that did not change cause one cheap call each. */
const relistMs = 10 * 60_000;

export interface Watched {
  changed(object: KubeObject): void;
  deleted(object: KubeObject): void;
}

/** ms until the try after one that was waited for so long. */
export function waitAfter(waitMs: number, listed: boolean): number {
  return Math.min(waitMs * 2, listed ? backoffMs.longest : backoffMs.longestBeforeFirstList);
}

export class KindInformer {
  readonly kind: KindDefinition;
  readonly #informer: Informer<KubernetesObject>;
  readonly #relist: NodeJS.Timeout;
  readonly #present = new Map<string, string>();
  #wait = backoffMs.first;
  #said: { why: string; at: number } | undefined;
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;
  #listed = false;

  constructor(kube: Kube, kind: KindDefinition, watched: Watched, everyMs = relistMs) {
    this.kind = kind;
    const path = { group: 'sedna.io', version: 'v1alpha1', plural: kind.plural };
    const list = async (): Promise<KubernetesListObject<KubernetesObject>> =>
      (await kube.objects.listClusterCustomObject(path)) as KubernetesListObject<KubernetesObject>;
    const first = async (): Promise<KubernetesListObject<KubernetesObject>> => {
      const found = await list();
      this.#listed = true;
      this.#wait = backoffMs.first;
      return found;
    };
    this.#informer = makeInformer(kube.config, `/apis/${path.group}/${path.version}/${path.plural}`, first);
    const seen = (object: KubernetesObject): void => {
      const known = object as KubeObject;
      this.#present.set(key(known), known.metadata.uid);
      watched.changed(known);
    };
    this.#informer.on('add', seen);
    this.#informer.on('update', seen);
    this.#informer.on('delete', (object) => {
      const gone = object as KubeObject;
      this.#present.delete(key(gone));
      watched.deleted(gone);
    });
    this.#informer.on('error', (error: unknown) => this.#failed(error));
    // The informer would go on with its watch, and says nothing of what it knows already.
    const again = async (): Promise<void> => {
      for (const object of (await list()).items) watched.changed(object as KubeObject);
    };
    this.#relist = setInterval(
      () => void again().catch((error: unknown) => logger.warn(causeOf(error), `cannot list ${kind.kind} again`)),
      everyMs * (0.9 + Math.random() * 0.2),
    );
  }

  /** The first list has been read. */
  get ready(): boolean {
    return this.#listed;
  }

  /** Whether the object was there when last heard of. */
  has(namespace: string, name: string): boolean {
    return this.#present.has(`${namespace}/${name}`);
  }

  start(): void {
    if (this.#stopped) return;
    this.#informer.start().catch((error: unknown) => this.#failed(error));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#relist);
    clearTimeout(this.#retry);
    await this.#informer.stop();
  }

  #failed(error: unknown): void {
    if (this.#stopped || this.#retry !== undefined) return;
    const { kind } = this.kind;
    const { why, ...help } = causeOf(error);
    if (this.#isNews(why)) logger.warn({ kind, ...help }, `watch of ${kind} ended, starting again: ${why}`);
    this.#again(this.#wait * (0.8 + Math.random() * 0.4));
    this.#wait = waitAfter(this.#wait, this.#listed);
  }

  /** Not said for some time. */
  #isNews(why: string): boolean {
    const now = performance.now();
    if (this.#said?.why === why && now - this.#said.at < backoffMs.longest) return false;
    this.#said = { why, at: now };
    return true;
  }

  #again(delay: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.start();
    }, delay);
  }
}

function key({ metadata }: KubeObject): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function causeOf(error: unknown): { why: string; hint?: string; more?: string } {
  const code = statusCode(error);
  if (code === 404) {
    const hint = 'sedna crds | kubectl apply -f -; this goes on by itself';
    return { why: 'the CRDs are not installed', hint, more: paragraphOf('CrdsNotInstalled') };
  }
  if (code !== undefined) return { why: `the API server answers ${code}: ${messageOf(error)}` };
  // The watch itself ends in other errors, which pass; a list that gets no answer is fetch's.
  const { cause } = error as Error;
  const why = cause instanceof Error ? `${String(error)} (${cause.message})` : String(error);
  if (!(error instanceof TypeError)) return { why };
  const hint = 'start it (sedna up), or check the kubeconfig of SEDNA_KUBECONFIG; this goes on by itself';
  return { why: `the API server is not reachable: ${why}`, hint, more: paragraphOf('ApiServerUnreachable') };
}

/** Of the server's own answer, which comes as JSON text. */
function messageOf(error: unknown): string {
  const { body } = error as { body?: unknown };
  try {
    return String((JSON.parse(String(body)) as { message?: string }).message);
  } catch {
    return String(body);
  }
}
