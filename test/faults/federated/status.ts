/** What a FederatedLearningJob shows, as far as the campaign reads it. */
export interface RoundSummary {
  round: number;
  clients: number;
  samples: number;
  digest: string;
  metrics: Record<string, number>;
  seconds: number;
  time: string;
}

export interface JobStatus {
  phase: string;
  stage?: string | null;
  round: string;
  /** Updates that are there, and needed. */
  quorum: string;
  /** Only where rounds are buffers that fill. */
  buffer?: string;
  rounds: RoundSummary[];
  lastRound?: RoundSummary;
  clients: { client: string; node?: string; state: string; reason?: string; message?: string }[];
  conditions: { type: string; status: string; reason?: string; message?: string }[];
  waitingFor?: { reason: string; message: string } | null;
  observedGeneration: number;
  succeeded: number;
}

/** Round under way, else the last one. */
export function roundOf({ round }: JobStatus): number {
  return Number(round.split('/')[0]);
}

/** Updates of the round under way. */
export function collected(status: JobStatus): number {
  // A client that has put one into a buffer is at its next one.
  return status.buffer === undefined ? accepted(status).length : Number(status.quorum.split('/')[0]);
}

export function accepted({ clients }: JobStatus): string[] {
  return clients.filter(({ state }) => state === 'Accepted').map(({ client }) => client);
}
