/** How fast a worker set may grow and shrink: `behavior` of autoscaling/v2, with its defaults. Pure. */
import type { Autoscaling } from '../../../crds/lib/kubernetes.ts';

type Direction = 'up' | 'down';

/** So many replicas, or so many percent of those at its beginning, in a period. */
interface Policy {
  type: 'Pods' | 'Percent';
  value: number;
  periodMs: number;
}

interface Rules {
  /** Decisions rest on all wishes of so long. */
  windowMs: number;
  /** Of several policies the one that changes most, or least; `Disabled`: no change in this direction. */
  select: 'Max' | 'Min' | 'Disabled';
  policies: Policy[];
}

const defaults: Record<Direction, Rules> = {
  up: {
    windowMs: 0,
    select: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodMs: 15_000 },
      { type: 'Percent', value: 100, periodMs: 15_000 },
    ],
  },
  down: { windowMs: 300_000, select: 'Max', policies: [{ type: 'Percent', value: 100, periodMs: 15_000 }] },
};

interface Moment {
  /** Milliseconds of a monotonic clock. */
  at: number;
  replicas: number;
}

/** Holds a wish against what was wished and done before. */
export class ScalingBehavior {
  readonly #rules: Record<Direction, Rules>;
  readonly #longestMs: number;
  #wishes: Moment[] = [];
  #changes: { at: number; by: number }[] = [];

  constructor({ behavior }: Pick<Autoscaling, 'behavior'>) {
    this.#rules = { up: rules('up', behavior?.scaleUp), down: rules('down', behavior?.scaleDown) };
    const { up, down } = this.#rules;
    const periods = [up, down].flatMap(({ windowMs, policies }) => [windowMs, ...policies.map((one) => one.periodMs)]);
    this.#longestMs = Math.max(...periods);
  }

  /** What to have now, where `current` are wanted so far. */
  decide({ at, replicas }: Moment, current: number): number {
    const since = at - this.#longestMs;
    this.#wishes = [...this.#wishes.filter((wish) => wish.at > since), { at, replicas }];
    this.#changes = this.#changes.filter((change) => change.at > since);
    const lowest = Math.min(...this.#wished(at, 'up'));
    const highest = Math.max(...this.#wished(at, 'down'));
    let wanted = current;
    if (current < lowest) wanted = Math.min(lowest, this.#limit(at, current, 'up'));
    else if (current > highest) wanted = Math.max(highest, this.#limit(at, current, 'down'));
    if (wanted !== current) this.#changes.push({ at, by: wanted - current });
    return wanted;
  }

  #wished(at: number, direction: Direction): number[] {
    const { windowMs } = this.#rules[direction];
    const newest = this.#wishes.at(-1);
    return this.#wishes.filter((wish) => wish === newest || wish.at > at - windowMs).map(({ replicas }) => replicas);
  }

  /** Farthest that the policies let it go now; `current` where they are used up. */
  #limit(at: number, current: number, direction: Direction): number {
    const { select, policies } = this.#rules[direction];
    if (select === 'Disabled') return current;
    const sign = direction === 'up' ? 1 : -1;
    const ends = policies.map(({ type, value, periodMs }) => {
      const changed = this.#changes.filter((change) => change.at > at - periodMs).reduce((sum, { by }) => sum + by, 0);
      const before = current - changed;
      if (type === 'Pods') return before + sign * value;
      return sign > 0 ? Math.ceil(before * (1 + value / 100)) : Math.floor(before * (1 - value / 100));
    });
    const most = (direction === 'up') === (select === 'Max');
    const end = most ? Math.max(...ends) : Math.min(...ends);
    return sign > 0 ? Math.max(current, end) : Math.min(current, end);
  }
}

type Given = NonNullable<NonNullable<Autoscaling['behavior']>['scaleUp']>;

function rules(direction: Direction, given: Given = {}): Rules {
  const { windowMs, select, policies } = defaults[direction];
  const { stabilizationWindowSeconds: seconds, selectPolicy, policies: own = [] } = given;
  return {
    windowMs: seconds === undefined ? windowMs : seconds * 1_000,
    select: selectPolicy ?? select,
    policies:
      own.length === 0
        ? policies
        : own.map(({ type, value, periodSeconds }) => ({ type, value, periodMs: periodSeconds * 1_000 })),
  };
}
