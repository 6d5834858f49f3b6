import { postOnce } from './post.ts';

export interface WorkerProgress {
  step: number;
  total: number;
  message?: string;
  metrics?: Record<string, number>;
  checkpoint?: string;
}

export interface ProgressOptions {
  /** Least time between two requests, in ms. Default: 1000. */
  intervalMs?: number;
  /** Limit of one request, in ms. Default: 2000. */
  timeoutMs?: number;
}

/**
 * Tells the local controller how far a worker is. Best effort: nothing is retried and nothing throws. Of what comes faster than the
 * interval, the newest is sent when the interval ends.
 */
export class ProgressReporter {
  private readonly url: string;
  private readonly intervalMs: number;
  private readonly timeoutMs: number;
  private pending: WorkerProgress | undefined;
  private sending: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private lastSent = -Infinity;

  constructor(lcServer: string, workerName: string, { intervalMs = 1000, timeoutMs = 2000 }: ProgressOptions = {}) {
    this.url = `${lcServer}/sedna/workers/${encodeURIComponent(workerName)}/progress`;
    this.intervalMs = intervalMs;
    this.timeoutMs = timeoutMs;
  }

  /** Takes note and returns at once. */
  report(progress: WorkerProgress): void {
    this.pending = progress;
    if (this.timer) return;
    const wait = Math.max(0, this.lastSent + this.intervalMs - performance.now());
    this.timer = setTimeout(() => this.send(), wait);
    this.timer.unref();
  }

  /** Sends what is still waiting; resolves when it left or failed. */
  async flush(): Promise<void> {
    this.send();
    await this.sending;
  }

  private send(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const progress = this.pending;
    if (!progress) return;
    this.pending = undefined;
    this.lastSent = performance.now();
    // Chained, so that an older step never arrives after a newer one.
    this.sending = this.sending.then(async () => {
      await postOnce(this.url, progress, { timeoutMs: this.timeoutMs });
    });
  }
}
