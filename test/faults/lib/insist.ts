import { until } from '../../../deploy/local/wait.ts';

/** Does it again until it succeeds: a server that is down or slow is the fault, not the finding. Throws the last problem after the bound. */
export async function insist(act: () => Promise<unknown>, boundMs: number): Promise<void> {
  let problem: unknown;
  const done = await until(async () => {
    try {
      await act();
      return true;
    } catch (error) {
      problem = error;
      return false;
    }
  }, boundMs);
  if (!done) throw problem;
}
