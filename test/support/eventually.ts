import { until } from '../../deploy/local/wait.ts';

/** Repeats an assertion until it holds; after `boundMs` its last failure is thrown. */
export async function eventually<T>(assertion: () => Promise<T> | T, boundMs = 10_000): Promise<T> {
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
  if (!(await until(holds, boundMs)) || !outcome) throw failure;
  return outcome.value;
}
