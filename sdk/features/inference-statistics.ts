/** Counts inferences and hard examples, and reports the totals now and then (section 4.8 of the control-plane reference). */

import type { ReportOptions } from '../worker/report.ts';

/** Who ends must not wait long. */
const lastReport: ReportOptions = { attempts: 1, refusedForMs: 0, timeoutMs: 2_000 };

export interface InferenceStatisticsOptions {
  /** Time between two reports, in seconds. */
  periodSeconds: number;
  send: (ownerInfo: Record<string, unknown>, options?: ReportOptions) => Promise<void>;
  /** A report that is lost: the next one has the totals again. */
  onProblem: (problem: Error) => void;
}

export class InferenceStatistics {
  private readonly options: InferenceStatisticsOptions;
  private readonly startTime = localTime(new Date());
  private timer: NodeJS.Timeout | undefined;
  private total = 0;
  private hard = 0;
  private reported = 0;

  constructor(options: InferenceStatisticsOptions) {
    this.options = options;
  }

  start(): void {
    this.timer ??= setInterval(() => void this.report(), this.options.periodSeconds * 1_000);
    this.timer.unref();
  }

  count(isHard: boolean): void {
    this.total += 1;
    if (isHard) this.hard += 1;
  }

  /** Sends what was counted since the last report, once and within two seconds. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.report(lastReport);
  }

  /** Totals since the start; nothing is sent when nothing was added. */
  private async report(options?: ReportOptions): Promise<void> {
    const { total, hard } = this;
    if (total === this.reported) return;
    try {
      const ownerInfo = {
        startTime: this.startTime,
        updateTime: localTime(new Date()),
        inferenceNumber: total,
        hardExampleNumber: hard,
        uploadCloudRatio: hard / total,
      };
      await this.options.send(ownerInfo, options);
      this.reported = total;
    } catch (error) {
      this.options.onProblem(error as Error);
    }
  }
}

/** `YYYY-MM-DD HH:MM:SS`, local time, as the original's workers write it. */
function localTime(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}
