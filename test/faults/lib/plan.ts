/** Which faults a seed injects, and where. Pure: the same seed is the same campaign. */
import { Random } from '../../../sdk/estimators/onnx/random.ts';

export const targets = ['gm', 'lc', 'temporal', 'api', 'etcd', 'stage', 'inference'] as const;
export type Target = (typeof targets)[number];

export type Action = 'kill' | 'freeze' | 'cut' | 'hang';

/** `cut` and `hang` take away the link of the target: GM's and LC's to Temporal, or GM's to the API server. */
export interface Fault {
  round: 1 | 2;
  /** Stage condition at which it is injected, after `delayMs`. */
  point: string;
  delayMs: number;
  target: Target;
  action: Action;
  /** How long freeze, cut and hang last. */
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

const actions: Record<Target, Action[]> = {
  gm: ['kill', 'freeze', 'cut', 'hang'],
  lc: ['kill', 'freeze', 'cut', 'hang'],
  temporal: ['kill', 'freeze'],
  api: ['kill', 'freeze', 'cut', 'hang'],
  etcd: ['kill', 'freeze'],
  stage: ['kill', 'freeze'],
  inference: ['kill', 'freeze'],
};

const all: [Target, Action][] = targets.flatMap((target) =>
  actions[target].map((action): [Target, Action] => [target, action]),
);

/** Seed 0 is the undisturbed run. The first fault of a seed walks through all kinds, so that a campaign leaves none out. */
export function plan(seed: number): Fault[] {
  if (seed === 0) return [];
  const random = new Random(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.uniform() * list.length)] as T;
  const count = 1 + Math.floor(random.uniform() * 3);
  return Array.from({ length: count }, (_, i) => {
    const [target, action] = i === 0 ? (all[(seed - 1) % all.length] as [Target, Action]) : pick(all);
    return {
      round: random.uniform() < 0.6 ? 1 : 2,
      point: pick(points),
      delayMs: Math.floor(random.uniform() * 500),
      target,
      action,
      // A frozen inference worker answers nobody: the bound on serving allows for two seconds.
      forMs: target === 'inference' ? 1_000 : 1_000 + Math.floor(random.uniform() * 7_000),
    } satisfies Fault;
  });
}

export function describeFault({ round, point, delayMs, target, action, forMs }: Fault): string {
  const length = action === 'kill' ? '' : ` for ${forMs} ms`;
  return `round ${round}, ${point} + ${delayMs} ms: ${action} ${target}${length}`;
}
