/** One line of a benchmark. Fields that do not apply are left out; one case per peer. */
export interface Case {
  name: string;
  /** Size: rows per step, weights, samples … the benchmark says which. */
  n?: number;
  clients?: number;
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
}

export type Benchmark = () => Promise<Case[]>;
