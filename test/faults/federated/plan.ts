/** Which story a seed plays, which faults it injects, and where. Pure: the same seed is the same campaign. */
import { Random } from '../../../sdk/estimators/onnx/random.ts';
import type { Action } from '../lib/act.ts';
import { rounds } from './stack.ts';

/**
 * `edges`: the local controllers of all edges at once. `trainer`: that of one client; `trainers`: all eight. `aggregate`, `judge`: children of
 * local controllers, which live for some tenths of a second; of the strategy Worker the aggregator too.
 */
const controllers = ['edge-1', 'edge-2', 'edge-3', 'cloud-1', 'edges'] as const;
export const targets = ['gm', ...controllers, 'trainer', 'trainers', 'aggregate', 'judge', 'temporal'] as const;
export type Target = (typeof targets)[number];

const process: Action[] = ['kill', 'freeze'];
const withLink: Action[] = [...process, 'cut', 'hang', 'lose', 'late'];
const linked: ReadonlySet<Target> = new Set(['gm', ...controllers]);

export const kinds: [Target, Action][] = targets.flatMap((target) =>
  (linked.has(target) ? withLink : process).map((action): [Target, Action] => [target, action]),
);

/** Steps through the kinds, without common divisor with their number: neighbours differ in target and action. */
const stride = 19;

/** Where a round is: so many updates accepted, or past that. */
export type Point = number | 'Aggregating' | 'Waiting';
export const points: readonly Point[] = [0, 1, 4, 7, 'Aggregating', 'Waiting'];

export interface Fault {
  round: number;
  point: Point;
  delayMs: number;
  target: Target;
  action: Action;
  /** How long all but kill last. */
  forMs: number;
  /** Which one, of several. */
  client: number;
}

/** With how many faults each is played. */
const faultsOf = {
  'ten rounds': 4,
  'two clients gone': 0,
  'stopped and resumed': 3,
  'two managers': 4,
  'disk full': 2,
  'edit in mid-round': 3,
  'write errors': 2,
  'deleted and created again': 3,
  FedBuff: 4,
  MistNet: 3,
  'MistNet with noise': 3,
  Worker: 4,
};
export type ScenarioName = keyof typeof faultsOf;
export const scenarioNames = Object.keys(faultsOf) as ScenarioName[];
/** Rounds of those that have not ten. */
const roundsOf: Partial<Record<ScenarioName, number>> = { MistNet: 1, 'MistNet with noise': 1 };
/** In these the first fault is a kill, of each target in turn. */
const killed: ReadonlySet<ScenarioName> = new Set(['FedBuff', 'MistNet', 'MistNet with noise', 'Worker']);
const faultsInCycle = Object.values(faultsOf).reduce((sum, count) => sum + count);

export const volumes = ['state', 'blobs', 'cloud'] as const;
export const absences = ['dead', 'unreachable', 'frozen', 'stuck trainers'] as const;

/** What scenarios draw; each uses what it needs. */
export interface Draw {
  /** Where the scenario's own deed happens. */
  round: number;
  point: Point;
  delayMs: number;
  volume: (typeof volumes)[number];
  /** How two clients are away, and for how many rounds. */
  absence: (typeof absences)[number];
  awayRounds: number;
}

export interface Plan {
  seed: number;
  scenario: ScenarioName;
  draw: Draw;
  faults: Fault[];
}

/** Faults and scenarios of the seeds walk through all there are: a campaign leaves none out. */
export function plan(seed: number): Plan {
  const random = new Random(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.uniform() * list.length)] as T;
  const scenario = scenarioNames[(seed - 1) % scenarioNames.length] as ScenarioName;
  const count = faultsOf[scenario];
  const total = roundsOf[scenario] ?? rounds;
  const dealt = faultsBefore(seed);
  const faults = Array.from({ length: count }, (_, i): Fault => {
    const [target, action] = i === 0 && killed.has(scenario) ? killOf(seed) : kindOf(dealt + i);
    // One in a seed may outlast the heartbeat of activities (10 s), so that somebody else takes over.
    const long = i === 0 && random.uniform() < 0.3;
    return {
      // Spread over the rounds, so that one is not the other's shadow; two may still meet.
      round: 1 + Math.floor(((i + random.uniform()) * total) / count),
      point: pointOf(target, pick(points)),
      delayMs: Math.floor(random.uniform() * 300),
      target,
      action,
      forMs: long ? 11_500 : 500 + Math.floor(random.uniform() * 3_500),
      client: Math.floor(random.uniform() * 8),
    };
  });
  const draw: Draw = {
    round: 2 + Math.floor(random.uniform() * 6),
    point: pick(points),
    delayMs: Math.floor(random.uniform() * 200),
    volume: volumes[Math.floor((seed - 1) / scenarioNames.length) % volumes.length] ?? 'state',
    absence: absences[Math.floor((seed - 1) / scenarioNames.length) % absences.length] ?? 'dead',
    awayRounds: 2 + Math.floor(random.uniform() * 3),
  };
  return { seed, scenario, draw, faults };
}

/** Children and trainers have something to lose only while they work. */
function pointOf(target: Target, drawn: Point): Point {
  if (target === 'trainer' || target === 'trainers') return 0;
  return target === 'aggregate' ? 'Aggregating' : drawn;
}

function kindOf(number: number): [Target, Action] {
  return kinds[(number * stride) % kinds.length] as [Target, Action];
}

function killOf(seed: number): [Target, Action] {
  return [targets[Math.floor((seed - 1) / scenarioNames.length) % targets.length] ?? 'gm', 'kill'];
}

/** Faults that the seeds before have. */
function faultsBefore(seed: number): number {
  const cycles = Math.floor((seed - 1) / scenarioNames.length);
  const rest = scenarioNames.slice(0, (seed - 1) % scenarioNames.length);
  return cycles * faultsInCycle + rest.reduce((sum, name) => sum + faultsOf[name], 0);
}

export function describeFault({ round, point, delayMs, target, action, forMs, client }: Fault): string {
  const length = action === 'kill' ? '' : ` for ${forMs} ms`;
  const which = target === 'trainer' ? ` of client ${client}` : '';
  const where = typeof point === 'number' ? `${point} updates accepted` : point;
  return `round ${round}, ${where} + ${delayMs} ms: ${action} ${target}${which}${length}`;
}
