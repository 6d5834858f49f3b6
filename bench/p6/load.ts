import { now, quantile } from '../lib/statistics.ts';
import type { Connection } from './client.ts';

export interface Load {
  /** Milliseconds of each request. */
  latencies: number[];
  perSecond: number;
}

/** One to send again and again, or several in turn. */
export type Sent = Buffer | readonly Buffer[];

function inTurn(sent: Sent): () => Buffer {
  const all = Buffer.isBuffer(sent) ? [sent] : sent;
  let next = 0;
  return () => all[next++ % all.length] as Buffer;
}

/** Closed loop: each connection sends its next request when the answer to its last one is there. */
export async function closedLoop(connections: readonly Connection[], sent: Sent, seconds: number): Promise<Load> {
  const request = inTurn(sent);
  const latencies: number[] = [];
  const began = now();
  const end = began + seconds * 1_000;
  const one = async (connection: Connection): Promise<void> => {
    while (now() < end) {
      const before = now();
      await connection.post(request());
      latencies.push(now() - before);
    }
  };
  await Promise.all(connections.map(one));
  return { latencies, perSecond: latencies.length / ((now() - began) / 1_000) };
}

/**
 * Open loop: requests leave at a fixed rate, whether answers are there or not; a latency counts from when its request was due, so
 * that waiting for a free connection is part of it.
 */
export async function openLoop(
  connections: readonly Connection[],
  sent: Sent,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<Load> {
  const request = inTurn(sent);
  const latencies: number[] = [];
  const free = [...connections];
  const due: number[] = [];
  const running = new Set<Promise<void>>();
  const began = now();
  const count = Math.round(perSecond * seconds);
  const send = (): void => {
    while (due.length > 0 && free.length > 0) {
      const [since, connection] = [due.shift() as number, free.pop() as Connection];
      const done = connection.post(request()).then(() => {
        latencies.push(now() - since);
        free.push(connection);
        running.delete(done);
        send();
      });
      running.add(done);
    }
  };
  // Timers would be too coarse: the next ones leave in bursts. No promise for each turn: the collector would stop this side, which measures.
  await new Promise<void>((resolve) => {
    let n = 0;
    const turn = (): void => {
      for (; n < count && began + (n * 1_000) / perSecond <= now(); n++) due.push(began + (n * 1_000) / perSecond);
      send();
      if (n < count || running.size > 0 || due.length > 0) setImmediate(turn);
      else resolve();
    };
    turn();
  });
  return { latencies, perSecond: latencies.length / ((now() - began) / 1_000) };
}

const KNEE_STEPS = 8;

/** Of the requests that are due, so many must be answered in the time: a queue that grows has a low p99, compared with its p50. */
const keepsUp = 0.95;

/** The largest rate, within an eighth of the maximum, that is kept up and at which p99 is at most 5 × p50. */
export async function knee(
  connections: readonly Connection[],
  sent: Sent,
  { maximum, seconds }: { maximum: number; seconds: number },
): Promise<number> {
  for (let step = KNEE_STEPS; step > 1; step--) {
    const perSecond = (maximum * step) / KNEE_STEPS;
    const { latencies, perSecond: answered } = await openLoop(connections, sent, { perSecond, seconds });
    if (answered < keepsUp * perSecond) continue;
    if (quantile(latencies, 0.99) <= 5 * quantile(latencies, 0.5)) return perSecond;
  }
  return maximum / KNEE_STEPS;
}
