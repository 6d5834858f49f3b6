/**
 * What a workflow has to tell another one. One signal is in flight; what is said meanwhile waits and goes together with the next, in
 * order. Each signal costs both sides a workflow task, so nothing is sent before somebody calls `post`.
 */
export class Outbox<T> {
  readonly #send: (items: T[]) => Promise<unknown>;
  #waiting: T[] = [];
  #isSending = false;
  #sending: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;

  /** `send` resolves when the other side has the items, which it is given in the order of `say`. */
  constructor(send: (items: T[]) => Promise<unknown>) {
    this.#send = send;
  }

  say(item: T): void {
    this.#waiting.push(item);
  }

  /** Begins to send what was said. Throws what an earlier sending failed with. */
  post(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#isSending || this.#waiting.length === 0) return;
    this.#isSending = true;
    this.#sending = this.#deliver();
  }

  /** Waits for what is in flight and takes what was not posted: the last words, for another way. */
  async remaining(): Promise<T[]> {
    const rest = this.#waiting;
    this.#waiting = [];
    await this.#sending;
    if (this.#failure !== undefined) throw this.#failure.error;
    return rest;
  }

  /** Sends all that was said and waits until it has arrived. */
  async flush(): Promise<void> {
    this.post();
    await this.#sending;
    this.post();
  }

  async #deliver(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const items = this.#waiting;
        this.#waiting = [];
        await this.#send(items);
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#isSending = false;
    }
  }
}
