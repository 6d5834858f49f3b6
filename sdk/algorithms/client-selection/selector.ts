/** What is known of a client that can take part now. */
export interface ClientFacts {
  /** Zero-padded index in `spec.trainingWorkers`: sorts as text. */
  client: string;
  /** Of its node or template. */
  labels?: Readonly<Record<string, string>>;
  /** That its dataset holds; absent: unknown. */
  samples?: number;
  /** Rounds that it failed in. */
  failures?: number;
}

export interface SelectionRequest {
  clients: readonly ClientFacts[];
  /** How many are wanted. Absent: as many as the strategy allows. */
  perRound?: number;
  /** From 1. */
  round: number;
  /** Of the job. */
  seed: number;
  /** Values from manifests may be text. */
  parameters?: Readonly<Record<string, unknown>>;
}

/**
 * Names the clients of a round. Pure: the same request gives the same names on any machine. Throws an error that names the field for
 * a parameter that cannot be.
 */
export type ClientSelector = (request: SelectionRequest) => string[];
