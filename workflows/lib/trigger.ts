/** Triggers: an optional time window ∧ a condition on a metric (section 5.5 of the control-plane reference). Pure. */

export interface Timer {
  /** `HH:MM`, inclusive. */
  start: string;
  /** `HH:MM`, inclusive; `24:00` is the end of the day. Before `start`: the window crosses midnight. */
  end: string;
  /** IANA name. Default UTC. */
  timeZone?: string;
}

export interface Condition {
  operator: string;
  metric: string;
  threshold: number;
}

export interface Trigger {
  /** Minimum time between two evaluations; absent: evaluate on every change. */
  checkPeriodSeconds?: number;
  timer?: Timer;
  condition: Condition;
}

/** A list is a metric with one value per class or epoch; without an index its last element counts. */
export type MetricValues = Record<string, number | number[] | string>;

export interface ConditionVerdict {
  met: boolean;
  /** Absent when the metric is missing. */
  value?: number;
}

/** Two values closer than this are equal, also for the strict comparisons. */
const tolerance = 1e-6;

const operators: Record<string, (value: number, threshold: number) => boolean> = {
  gt: (v, t) => v - t > tolerance,
  ge: (v, t) => v - t >= -tolerance,
  eq: (v, t) => Math.abs(v - t) <= tolerance,
  ne: (v, t) => Math.abs(v - t) > tolerance,
  le: (v, t) => v - t <= tolerance,
  lt: (v, t) => t - v > tolerance,
};

const aliases: Record<string, string> = {
  '>': 'gt',
  '>=': 'ge',
  '=': 'eq',
  '==': 'eq',
  '!=': 'ne',
  '<=': 'le',
  '<': 'lt',
};

export function evaluateCondition(condition: Condition, metrics: MetricValues): ConditionVerdict {
  const value = metricValue(condition.metric, metrics);
  if (value === undefined) return { met: false };
  const compare = operators[aliases[condition.operator] ?? condition.operator];
  return { met: compare?.(value, condition.threshold) ?? false, value };
}

/** `name` or `name[i]`; undefined when there is no such number. */
export function metricValue(metric: string, metrics: MetricValues): number | undefined {
  const parts = /^([^[\]]+)(?:\[(\d+)\])?$/.exec(metric);
  if (parts === null) return undefined;
  const [, name = '', index] = parts;
  const found = Object.hasOwn(metrics, name) ? metrics[name] : undefined;
  if (index !== undefined) return Array.isArray(found) ? finite(found[Number(index)]) : undefined;
  return finite(Array.isArray(found) ? found.at(-1) : found);
}

function finite(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

export interface WindowState {
  open: boolean;
  /** Milliseconds until it opens; 0 while it is open. */
  opensIn: number;
}

const day = 24 * 60;

/** Whether the window is open at this instant (milliseconds since the epoch). No timer: always open. */
export function windowState(timer: Timer | undefined, now: number): WindowState {
  if (timer === undefined) return { open: true, opensIn: 0 };
  const [start, end] = [minutes(timer.start), minutes(timer.end)];
  const minute = minuteOfDay(now, timer.timeZone);
  const open = start <= end ? minute >= start && minute <= end : minute >= start || minute <= end;
  if (open) return { open, opensIn: 0 };
  const wait = (start - minute + day) % day;
  return { open, opensIn: wait * 60_000 - (now % 60_000) };
}

function minutes(clock: string): number {
  const [hours = '0', rest = '0'] = clock.split(':');
  return Number(hours) * 60 + Number(rest);
}

function minuteOfDay(now: number, timeZone: string | undefined): number {
  if (timeZone === undefined) return Math.floor(now / 60_000) % day;
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  return minutes(clock.format(now));
}

export interface TriggerVerdict {
  fired: boolean;
  window: WindowState;
  condition: ConditionVerdict;
}

export function evaluateTrigger(trigger: Trigger, metrics: MetricValues, now: number): TriggerVerdict {
  const window = windowState(trigger.timer, now);
  const condition = evaluateCondition(trigger.condition, metrics);
  return { fired: window.open && condition.met, window, condition };
}

/**
 * Metrics of the deploy trigger: `<m>` = values of the new model, `<m>_delta` = new − old, element by element.
 * A metric that only one of the two has gets no delta.
 */
export function deltaMetrics(fresh: Record<string, number[]>, old: Record<string, number[]>): MetricValues {
  const metrics: MetricValues = {};
  for (const [name, values] of Object.entries(fresh)) {
    metrics[name] = values;
    const before = old[name];
    if (before === undefined) continue;
    metrics[`${name}_delta`] = values.slice(0, before.length).map((value, i) => value - (before[i] ?? 0));
  }
  return metrics;
}
