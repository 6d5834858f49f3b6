import { setTimeout as delay } from 'node:timers/promises';
import type { WorkerConfig } from './config.ts';
import { postOnce } from './post.ts';
import type { WorkerReport } from './protocol.ts';

export interface ReportOptions {
  /** Attempts in total that reach a listener. Default: 5. */
  attempts?: number;
  /** Time between two attempts, in ms. Default: 3000. */
  delayMs?: number;
  /**
   * How long refused connections, and answers that there is no room, are retried on top, in ms: a restarting local controller comes
   * back. Default: 60 000.
   */
  refusedForMs?: number;
  /** Limit of one request, in ms. Default: 10 000. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** The local controller did not take the report. */
export class ReportError extends Error {
  override name = 'ReportError';
}

/** Delivers a report to `<lcServer>/sedna/workers/<name>/info`, with retries; throws `ReportError` when they are used up. */
export async function sendReport(lcServer: string, report: WorkerReport, options: ReportOptions = {}): Promise<void> {
  const { attempts = 5, delayMs = 3000, refusedForMs = 60_000, timeoutMs = 10_000, signal } = options;
  const url = `${lcServer}/sedna/workers/${encodeURIComponent(report.name)}/info`;
  const refusedUntil = performance.now() + refusedForMs;
  let reached = 0;
  for (;;) {
    const { delivered, problem, refused } = await postOnce(url, report, { timeoutMs, signal });
    if (delivered) return;
    if (!refused) reached++;
    if (refused ? performance.now() + delayMs > refusedUntil : reached >= attempts) {
      throw new ReportError(
        `the local controller at ${lcServer} did not take the report of ${report.name}: ${problem}`,
      );
    }
    await delay(delayMs, undefined, { signal });
  }
}

/** The identity that every report of this worker carries. */
export function identity(config: WorkerConfig, ownerKind: string) {
  const { workerName: name, namespace, ownerName } = config;
  return { name, namespace, ownerName, ownerKind };
}
