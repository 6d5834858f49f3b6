/** Who follows whom among entities. Subscribing starts a missing target, so the order in which objects appear never matters. */
import { control } from './activities.ts';
import type { EntityState } from './desired.ts';
import { entityId, type EntityRef } from './ids.ts';
import { signals, type PeerState } from './messages.ts';
import type { Operation } from './operations.ts';
import { tell } from './tell.ts';

const followedAtOnce = 200;
const namedInSummary = 8;

type Known = Pick<EntityState<unknown, unknown>, 'ref' | 'subscribers' | 'peers'>;

export class Peers {
  readonly #state: Known;
  readonly #wake: () => void;
  /** What each subscriber was last told in this run of the workflow; a new run tells everybody once. */
  readonly #told = new Map<string, string>();
  /** How often each has asked. */
  readonly #asked = new Map<string, number>();
  #news: PeerState | undefined;

  constructor(state: Known, wake: () => void) {
    this.#state = state;
    this.#wake = wake;
  }

  subscribe(from: EntityRef): void {
    const id = entityId(from);
    this.#told.delete(id);
    this.#asked.set(id, (this.#asked.get(id) ?? 0) + 1);
    if (!this.#state.subscribers.some((known) => entityId(known) === id)) this.#state.subscribers.push(from);
  }

  unsubscribe(from: EntityRef): void {
    const id = entityId(from);
    this.#state.subscribers = this.#state.subscribers.filter((known) => entityId(known) !== id);
  }

  learn(state: PeerState): void {
    const known = this.#state.peers[entityId(state.ref)];
    if (known !== undefined) known.state = state;
  }

  /** Declares whom this entity follows; it takes leave of the others. */
  need(refs: EntityRef[]): void {
    const wanted = new Map(refs.map((ref) => [entityId(ref), ref]));
    for (const [id, peer] of Object.entries(this.#state.peers)) if (!wanted.has(id)) peer.unwanted = true;
    for (const [id, ref] of wanted) {
      const known = (this.#state.peers[id] ??= { ref, asked: false });
      known.unwanted = false;
    }
  }

  notify(news: PeerState): void {
    this.#news = news;
  }

  operations(): Operation[] {
    const operations: Operation[] = [];
    const peers = Object.values(this.#state.peers);
    if (peers.some((peer) => !peer.asked && !peer.unwanted)) operations.push(once('follow', () => this.#follow()));
    if (peers.some((peer) => peer.unwanted)) operations.push(once('unfollow', () => this.#unfollow()));
    const news = JSON.stringify(this.#news);
    if (this.#state.subscribers.some((ref) => this.#told.get(entityId(ref)) !== news)) {
      operations.push(once('notify', () => this.#tell()));
    }
    return operations;
  }

  async leave(): Promise<void> {
    for (const peer of Object.values(this.#state.peers)) peer.unwanted = true;
    await this.#unfollow();
  }

  async #follow(): Promise<void> {
    const unknown = Object.values(this.#state.peers).filter((peer) => !peer.asked && !peer.unwanted);
    // The others after these: each is a call, and the bound of the activity is for so many.
    const asked = unknown.slice(0, followedAtOnce);
    const targets = asked.map((peer) => peer.ref);
    const names = targets.slice(0, namedInSummary).map((ref) => ref.name);
    const more = targets.length > names.length ? ` and ${targets.length - names.length} more` : '';
    await control(`follow ${names.join(', ')}${more}`).subscribe({
      targets,
      subscriber: this.#state.ref,
    });
    for (const peer of asked) peer.asked = true;
  }

  async #unfollow(): Promise<void> {
    for (const [id, peer] of Object.entries(this.#state.peers)) {
      if (!peer.unwanted) continue;
      if (peer.asked) await tell(entityId(peer.ref), signals.unsubscribe, this.#state.ref);
      if (peer.unwanted) delete this.#state.peers[id];
      else peer.asked = false;
    }
  }

  async #tell(): Promise<void> {
    const message = this.#news;
    const news = JSON.stringify(message);
    for (const subscriber of [...this.#state.subscribers]) {
      const id = entityId(subscriber);
      if (this.#told.get(id) === news) continue;
      const asked = this.#asked.get(id);
      const isTold = await tell(id, signals.changed, message);
      // One that has ended and come back meanwhile has asked again: it is told again.
      if (this.#asked.get(id) !== asked) continue;
      if (isTold) this.#told.set(id, news);
      else this.unsubscribe(subscriber);
    }
    this.#wake();
  }
}

function once(slot: string, run: () => Promise<void>): Operation {
  return { slot, key: slot, run, uninterruptible: true };
}
