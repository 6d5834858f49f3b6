import {
  evaluateTrigger,
  windowState,
  type MetricValues,
  type Trigger,
  type TriggerVerdict,
} from '../../../workflows/lib/trigger.ts';

/** A window is looked at again after this at the latest: the clock may have been set meanwhile, and timers do not notice. */
const longestWaitMs = 60_000;

/**
 * Evaluates a trigger at most once per `checkPeriodSeconds` and says when it is worth looking again: when the period is over,
 * when the window opens or closes.
 */
export class TriggerClock {
  readonly #trigger: Trigger;
  readonly #periodMs: number;
  #last: { at: number; verdict: TriggerVerdict } | undefined;
  #wake: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(trigger: Trigger) {
    this.#trigger = trigger;
    this.#periodMs = (trigger.checkPeriodSeconds ?? 0) * 1_000;
  }

  onTick(wake: () => void): void {
    this.#wake = wake;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  evaluate(metrics: MetricValues): TriggerVerdict {
    // The window goes by the clock of the node, the period by one that nobody can set.
    const [now, at] = [Date.now(), performance.now()];
    const age = this.#last === undefined ? Infinity : at - this.#last.at;
    if (this.#last !== undefined && age < this.#periodMs) {
      this.#wakeIn(this.#periodMs - age);
      // Between two evaluations the trigger does not fire, whatever has arrived.
      return { ...this.#last.verdict, fired: false };
    }
    const verdict = evaluateTrigger(this.#trigger, metrics, now);
    this.#last = { at, verdict };
    if (!verdict.window.open) this.#wakeIn(verdict.window.opensIn);
    else if (this.#trigger.timer !== undefined) this.#wakeIn(this.#closesIn(now));
    return verdict;
  }

  /** Milliseconds until the next minute at which the window may have closed. */
  #closesIn(now: number): number {
    const nextMinute = 60_000 - (now % 60_000);
    return windowState(this.#trigger.timer, now + nextMinute).open ? 60_000 + nextMinute : nextMinute;
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), Math.min(ms, longestWaitMs));
  }
}
