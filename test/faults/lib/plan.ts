/** Which story a seed plays, which faults it injects, and where. Pure: the same seed is the same campaign. */
import { Random } from '../../../sdk/estimators/onnx/random.ts';
import { isDeath, type Action } from './act.ts';

export const targets = ['gm', 'lc', 'temporal', 'api', 'etcd', 'stage', 'inference'] as const;
export type Target = (typeof targets)[number];

export interface Fault {
  round: 1 | 2;
  /** Stage condition at which it is injected, after `delayMs`. */
  point: Point;
  delayMs: number;
  target: Target;
  action: Action;
  /** How long all but kill and crash last. */
  forMs: number;
}

export const points = [
  'Train/Ready',
  'Train/Starting',
  'Train/Running',
  'Train/Completed',
  'Eval/Starting',
  'Eval/Running',
  'Eval/Completed',
  'Deploy/Starting',
  'Deploy/Running',
  'Train/Waiting',
] as const;
export type Point = (typeof points)[number];

const link: Action[] = ['cut', 'hang', 'lose', 'late'];
const actions: Record<Target, Action[]> = {
  gm: ['kill', 'freeze', ...link],
  lc: ['kill', 'freeze', ...link],
  temporal: ['kill', 'freeze'],
  api: ['kill', 'freeze', ...link],
  etcd: ['kill', 'freeze'],
  stage: ['kill', 'freeze', 'crash'],
  inference: ['kill', 'freeze', 'crash'],
};

export const kinds: [Target, Action][] = targets.flatMap((target) =>
  actions[target].map((action): [Target, Action] => [target, action]),
);

export const scenarioNames = [
  'two rounds',
  'half-written line',
  'edit in mid-round',
  'two managers',
  'deleted while the edge is down',
  'deleted and created again',
  'disk full',
  'blocked event loop',
  'clock jumps',
  'damaged model',
] as const;
export type ScenarioName = (typeof scenarioNames)[number];

export const volumes = ['state', 'data', 'blobs'] as const;

/** What scenarios draw; each uses what it needs. */
export interface Draw {
  /** Where the scenario's own deed happens. */
  point: Point;
  delayMs: number;
  /** Between the two writes of a line; how long a disk stays full. */
  pauseMs: number;
  /** Where a line is cut, 0..1. */
  cutAt: number;
  volume: (typeof volumes)[number];
}

export interface Plan {
  seed: number;
  scenario: ScenarioName;
  draw: Draw;
  faults: Fault[];
}

/** The first fault and the scenario of a seed walk through all there are, at lengths without common divisor: a campaign leaves none out. */
export function plan(seed: number): Plan {
  const random = new Random(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.uniform() * list.length)] as T;
  const scenario = scenarioNames[(seed - 1) % scenarioNames.length] as ScenarioName;
  const count = 1 + Math.floor(random.uniform() * 3);
  const faults = Array.from({ length: count }, (_, i): Fault => {
    const [target, action] = i === 0 ? (kinds[(seed - 1) % kinds.length] as [Target, Action]) : pick(kinds);
    const long = i === 0 && action !== 'freeze' && random.uniform() < 0.25;
    return {
      // A scenario that ends with the first round has all its faults in it.
      round: random.uniform() < 0.6 || scenario === 'deleted while the edge is down' ? 1 : 2,
      point: pick(points),
      delayMs: Math.floor(random.uniform() * 500),
      target,
      action,
      // A frozen inference worker answers nobody: the bound on serving allows for two seconds.
      // Long ones outlast the heartbeat of activities (10 s), so that somebody else takes over.
      forMs: target === 'inference' ? 1_000 : long ? 12_000 : 1_000 + Math.floor(random.uniform() * 7_000),
    };
  });
  const draw: Draw = {
    point: pick(points),
    delayMs: Math.floor(random.uniform() * 500),
    pauseMs: pick([300, 1_500, 4_000]),
    cutAt: random.uniform(),
    volume: volumes[Math.floor((seed - 1) / scenarioNames.length) % volumes.length] ?? 'state',
  };
  return { seed, scenario, draw, faults };
}

export function describeFault({ round, point, delayMs, target, action, forMs }: Fault): string {
  const length = isDeath(action) ? '' : ` for ${forMs} ms`;
  return `round ${round}, ${point} + ${delayMs} ms: ${action} ${target}${length}`;
}
