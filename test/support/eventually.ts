import { until } from '../../deploy/local/wait.ts';

/**
 * Repeats an assertion until it holds; after `boundMs` its last failure is thrown. `everyMs`: longer where each look costs others time,
 * as a query of a workflow does.
 */
export async function eventually<T>(assertion: () => Promise<T> | T, boundMs = 10_000, everyMs = 50): Promise<T> {
  let outcome: { value: T } | undefined;
  let failure: unknown;
  const holds = async (): Promise<boolean> => {
    try {
      outcome = { value: await assertion() };
      return true;
    } catch (error) {
      failure = error;
      return false;
    }
  };
  if (!(await until(holds, boundMs, { everyMs })) || !outcome) throw failure;
  return outcome.value;
}
