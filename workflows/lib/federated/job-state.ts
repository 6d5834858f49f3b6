/** What a federated job remembers between its runs. Types only. */
import type { AggregatorNews, ClientNews } from '../../../activities/contracts.ts';
import type { Problem } from '../failures.ts';
import type { Mode } from '../messages.ts';
import type { Condition } from '../status.ts';
import type { RunNews, RunState } from './state.ts';

export interface FederatedState {
  startTime: string;
  completionTime?: string;
  mode: Mode;
  /** Grows with every reset; part of the run's id. */
  epoch: number;
  /** What the next run of this epoch starts from. */
  run: RunState;
  /** Take-ups of this epoch so far: makes each a new operation. */
  resumes: number;
  /** Runs of earlier epochs that are still to be cancelled. */
  abandoned?: string[];
  /** Set while the run exists and can be told. */
  started?: boolean;
  /** Plan and mode that the run was last told, as text. */
  told: { plan?: string; mode: Mode; retries?: number };
  /** Times that somebody asked for refused clients to be asked again. */
  retries?: number;
  news?: RunNews;
  /** Newest news of each client's worker. */
  clients: Record<string, ClientNews>;
  /** Of the strategy Worker: why its aggregator is tried again. */
  aggregator?: AggregatorNews;
  /** Generation that has changed who aggregates, or how: news of earlier ones are settled. */
  aggregatorSince?: number;
  /** How it ended. */
  ended?:
    { kind: 'completed'; reason: string; message: string } | { kind: 'stopped' } | { kind: 'failed'; problem: Problem };
  /** Fields of the status of a completed job, of whose rounds nothing else is known any more; until a reset. */
  recalled?: Record<string, unknown>;
  conditions: Condition[];
  placed: Record<string, string>;
  nodes: string[];
}
