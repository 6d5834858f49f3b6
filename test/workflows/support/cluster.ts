import type { Adopted, ObjectInput, WriteStatusInput } from '../../../activities/contracts.ts';
import type { ObjectWriter } from '../../../activities/control/control.ts';

/** What an API server would hold, for tests of the frame: finalizers and statuses by uid. `hold` keeps a release waiting. */
export class Cluster implements ObjectWriter {
  readonly finalizers = new Set<string>();
  readonly released: string[] = [];
  readonly writes: WriteStatusInput[] = [];
  /** Uids of objects that are not there. */
  readonly gone = new Set<string>();
  #held: Promise<void> = Promise.resolve();

  hold(): () => void {
    let go = (): void => undefined;
    this.#held = new Promise((resolve) => (go = resolve));
    return go;
  }

  async adopt({ uid, recall = [] }: ObjectInput & { recall?: readonly string[] }): Promise<Adopted> {
    if (this.gone.has(uid)) return { exists: false };
    this.finalizers.add(uid);
    const status = this.status(uid) ?? {};
    const recalled = Object.fromEntries(Object.entries(status).filter(([field]) => recall.includes(field)));
    return { exists: true, sequence: Number(status['sequence'] ?? 0), recalled };
  }

  async writeStatus(input: WriteStatusInput): Promise<void> {
    this.writes.push(input);
  }

  async release({ uid }: ObjectInput): Promise<void> {
    await this.#held;
    this.finalizers.delete(uid);
    this.released.push(uid);
  }

  events(uid: string): string[] {
    return this.writes.filter((write) => write.uid === uid).flatMap(({ events = [] }) => events.map((e) => e.reason));
  }

  status(uid: string): Record<string, unknown> | undefined {
    return this.writes.filter((write) => write.uid === uid).at(-1)?.status;
  }
}
