/** Outcome of one request to the local controller. */
export interface Delivery {
  delivered: boolean;
  /** Why not, for people. */
  problem?: string;
  /** Not now: nobody listens there (a local controller that restarts comes back), or it has no room (507) for a report. */
  refused?: boolean;
}

export interface PostOptions {
  /** Limit of one request, in ms. */
  timeoutMs: number;
  signal?: AbortSignal;
}

/** Posts JSON once. Only status 200 with a JSON body other than `null` counts as delivered, as for stock Sedna workers. */
export async function postOnce(url: string, body: unknown, { timeoutMs, signal }: PostOptions): Promise<Delivery> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const text = await response.text();
    if (response.status === 200 && isAnswer(text)) return { delivered: true };
    return {
      delivered: false,
      problem: `answered ${response.status} ${text.slice(0, 200)}`.trim(),
      refused: response.status === 507,
    };
  } catch (error) {
    signal?.throwIfAborted();
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
    return {
      delivered: false,
      problem: cause?.message ?? (error as Error).message,
      refused: cause?.code === 'ECONNREFUSED',
    };
  }
}

function isAnswer(text: string): boolean {
  try {
    return JSON.parse(text) !== null;
  } catch {
    return false;
  }
}
