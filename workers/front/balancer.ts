/** Which replica gets the next request: the one with the fewest in flight; among equals each in turn. */
import type { FrontStats, Replica, ReplicaList } from './protocol.ts';

export class Balancer {
  #list: ReplicaList = { version: 0, replicas: [] };
  readonly #inFlight = new Map<string, number>();
  #turn = 0;
  #requests = 0;
  #refused = 0;

  use(list: ReplicaList): void {
    this.#list = list;
  }

  /** One that has this port and was not tried yet; counted as in flight until `done` is called, once. */
  take(port: string, tried: ReadonlySet<string>): { replica: Replica; port: number; done: () => void } | undefined {
    const { replicas } = this.#list;
    let best: Replica | undefined;
    let least = Infinity;
    for (let i = 0; i < replicas.length; i++) {
      const replica = replicas[(this.#turn + i) % replicas.length];
      if (replica?.ports[port] === undefined || tried.has(replica.name)) continue;
      const load = this.#inFlight.get(replica.name) ?? 0;
      if (load < least) [best, least] = [replica, load];
    }
    if (best === undefined) return undefined;
    this.#turn = (replicas.indexOf(best) + 1) % replicas.length;
    const { name, ports } = best;
    this.#inFlight.set(name, least + 1);
    return { replica: best, port: ports[port] ?? 0, done: this.#release(name) };
  }

  counted(): void {
    this.#requests += 1;
  }

  refuse(): void {
    this.#refused += 1;
  }

  stats(): FrontStats {
    return {
      version: this.#list.version,
      inFlight: Object.fromEntries(this.#inFlight),
      requests: this.#requests,
      refused: this.#refused,
    };
  }

  #release(name: string): () => void {
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      const left = (this.#inFlight.get(name) ?? 1) - 1;
      if (left > 0) this.#inFlight.set(name, left);
      else this.#inFlight.delete(name);
    };
  }
}
