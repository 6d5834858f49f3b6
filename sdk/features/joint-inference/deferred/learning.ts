import { deserialize } from 'node:v8';
import type { DeferredStoreClient } from './store-client.ts';

/**
 * Told of each final answer until it resolves. `again`: it may have been told of this one before, by a process that was killed before
 * it could note so.
 */
export type Learner<I> = (input: I, answer: unknown, options: { again: boolean }) => Promise<void>;

/** Each transaction waits for the disk. */
const atOnce = 8;
const leaseMs = 60_000;
const againMs = 2_000;

/** Tells of some examples of the store, and notes who was told. False: there are none. */
export async function learnSome<I>(
  store: DeferredStoreClient,
  learner: Learner<I>,
  onProblem: (problem: Error) => void,
): Promise<boolean> {
  const examples = await store.call('examples', atOnce, leaseMs);
  for (const { digest, input, answer, again } of examples) {
    try {
      await learner(deserialize(input) as I, deserialize(answer), { again });
      // The next call is behind this one and tells its failure; then the lease ends.
      void store.call('learnt', digest).catch(() => undefined);
    } catch (error) {
      onProblem(error as Error);
      await store.call('learnLater', digest, againMs);
    }
  }
  return examples.length > 0;
}
