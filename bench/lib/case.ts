/** One line of a benchmark. Fields that do not apply are left out; one case per peer. */
export interface Case {
  name: string;
  /** Size: rows per step, weights, samples … the benchmark says which. */
  n?: number;
  clients?: number;
  /** Of both sides. */
  threads?: number;
  value: number;
  unit: string;
  /** What the hardware allows, measured in the same run. */
  bound?: number;
  ratioToBound?: number;
  /** Value of the peer, measured in the same run, alternating. */
  peer?: number;
  ratioToPeer?: number;
  /** 95 % interval of the value, or of the ratio to the peer where there is one. */
  interval?: [number, number];
  /** What the project promises, of the value or (`of: 'ratio'`) of the ratio to the peer. */
  goal?: Goal;
  /** Why there is no value of the peer. */
  skipped?: string;
}

export interface Goal {
  atMost?: number;
  atLeast?: number;
  of?: 'ratio';
}

/** Undefined where nothing was promised or nothing could be measured. */
export function isMet({ value, ratioToPeer, goal }: Case): boolean | undefined {
  const measured = goal?.of === 'ratio' ? ratioToPeer : value;
  if (goal === undefined || measured === undefined) return undefined;
  return measured <= (goal.atMost ?? Infinity) && measured >= (goal.atLeast ?? -Infinity);
}

export interface BenchmarkOptions {
  /** Tiny sizes and no peers: shows that the benchmark runs; its figures mean nothing. */
  quick: boolean;
}

export type Benchmark = (options: BenchmarkOptions) => Promise<Case[]>;
