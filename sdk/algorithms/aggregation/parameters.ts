import { AggregationError } from './errors.ts';
import type { StrategyParameters } from './strategy.ts';

/** A number: `fallback` where it is absent; no fallback means that it must be given. Bounds are inclusive unless `open`. */
export interface NumberRule {
  fallback?: number;
  min?: number;
  max?: number;
  /** The bounds themselves are not allowed: `above` the least, `below` the greatest. */
  above?: number;
  below?: number;
  integer?: boolean;
}

const PATH = 'spec.aggregation.parameters';

/**
 * Numbers by name, as manifests give them (numbers or text). Throws `InvalidParameter` that names the field for what is missing, out of
 * bounds, no number, or not among the rules.
 */
export function numbers<Name extends string>(
  parameters: StrategyParameters,
  rules: Record<Name, NumberRule>,
): Record<Name, number> {
  refuseUnknown(parameters, Object.keys(rules));
  const entries = Object.entries<NumberRule>(rules).map(([name, rule]) => [name, read(parameters[name], name, rule)]);
  return Object.fromEntries(entries) as Record<Name, number>;
}

export function refuseUnknown(parameters: StrategyParameters, known: readonly string[]): void {
  const unknown = Object.keys(parameters).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  fail(unknown, `is no parameter of this strategy; it has ${known.length === 0 ? 'none' : known.join(', ')}`);
}

function read(value: unknown, name: string, rule: NumberRule): number {
  if (value === undefined || value === null || value === '') {
    if (rule.fallback !== undefined) return rule.fallback;
    fail(name, `is missing; it must be ${describe(rule)}`);
  }
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || !fits(number, rule)) {
    fail(name, `must be ${describe(rule)}, not ${JSON.stringify(value)?.slice(0, 60)}`);
  }
  return number;
}

function fits(
  value: number,
  { min = -Infinity, max = Infinity, above = -Infinity, below = Infinity, integer }: NumberRule,
): boolean {
  if (!Number.isFinite(value) || (integer && !Number.isSafeInteger(value))) return false;
  return value >= min && value <= max && value > above && value < below;
}

function describe({ min, max, above, below, integer }: NumberRule): string {
  const bounds = [
    min === undefined ? '' : `at least ${min}`,
    above === undefined ? '' : `above ${above}`,
    max === undefined ? '' : `at most ${max}`,
    below === undefined ? '' : `below ${below}`,
  ].filter((bound) => bound !== '');
  return `${integer ? 'an integer' : 'a number'} ${bounds.join(' and ')}`.trim();
}

function fail(name: string, message: string): never {
  throw new AggregationError('InvalidParameter', `${PATH}.${name}: ${message}`);
}
