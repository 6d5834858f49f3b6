import type { ObjectStore } from '../../../cli/lib/object-store.ts';
import { DemoError } from '../../lib/errors.ts';
import type { Narrator } from '../../lib/narrator.ts';
import { waitFor } from '../../lib/wait.ts';

export const job = { kind: 'FederatedLearningJob', namespace: 'default', name: 'digits' };
const model = { kind: 'Model', namespace: 'default', name: 'digits-global' };

interface Round {
  round: number;
  samples: number;
  digest: string;
  metrics: Record<string, number>;
}

interface JobStatus {
  phase: string;
  stage?: string;
  rounds?: Round[];
  lastRound?: Round;
  waitingFor?: { reason: string; message: string } | null;
  clients?: { client: string; node?: string; state: string; message?: string }[];
  round: string;
}

export interface FinishedJob {
  rounds: Round[];
  /** SHA-256 of the weights after the last round. */
  digest: string;
  /** Where the live version of the Model is. */
  live: string;
}

/** Reads the job's status and tells each change once. */
export class JobTeller {
  readonly #objects: ObjectStore;
  readonly #narrator: Narrator;
  readonly #signal: AbortSignal;
  #told = '';

  constructor(objects: ObjectStore, narrator: Narrator, signal: AbortSignal) {
    this.#objects = objects;
    this.#narrator = narrator;
    this.#signal = signal;
  }

  /** `opened`: called when a round is first seen open, in whatever stage; a short one may be over before anyone looks. */
  async follow(boundMs: number, opened: (round: number) => Promise<void>): Promise<FinishedJob> {
    let seen = 0;
    const look = async (): Promise<Round[] | undefined> => {
      const status = await this.#status();
      if (status === undefined) return undefined;
      this.#tell(status);
      const open = Number(status.round.split('/')[0]);
      if (status.phase === 'Running' && open > seen) {
        seen = open;
        await opened(open);
      }
      if (status.phase === 'Failed') {
        throw new DemoError(`the job failed: ${status.waitingFor?.message ?? 'no reason given'}`, {
          awaited: 'its end',
        });
      }
      return status.phase === 'Succeeded' ? (status.rounds ?? []) : undefined;
    };
    const rounds = await waitFor(look, { awaited: 'the last round', boundMs, signal: this.#signal });
    return { rounds, digest: rounds.at(-1)?.digest ?? '', live: await this.#live() };
  }

  /** While the manager or the API server is away nobody answers; the next look may be luckier. */
  async #status(): Promise<JobStatus | undefined> {
    const object = await this.#objects.get(job).catch(() => undefined);
    return object?.status as JobStatus | undefined;
  }

  async #live(): Promise<string> {
    const look = async (): Promise<string | undefined> => {
      const status = (await this.#objects.get(model))?.status as
        { versions?: { uri: string; stage: string }[] } | undefined;
      return status?.versions?.find(({ stage }) => stage === 'live')?.uri;
    };
    return waitFor(look, { awaited: 'the live version of the Model', boundMs: 30_000, signal: this.#signal });
  }

  #tell({ phase, round, stage, lastRound, waitingFor, clients = [] }: JobStatus): void {
    const states = clients.map(({ node, client, state }) => `${node ?? client} ${state}`).join(', ');
    const last = lastRound === undefined ? '' : `; round ${lastRound.round} is ${lastRound.digest.slice(0, 12)}`;
    const why = waitingFor == null || waitingFor.reason === 'Collecting' ? '' : `; ${waitingFor.message}`;
    const text =
      phase === 'Running' ? `round ${round}, ${stage ?? ''}: ${states}${last}${why}` : `${phase}${last}${why}`;
    if (text === this.#told) return;
    this.#told = text;
    this.#narrator.say('job', text);
  }
}
