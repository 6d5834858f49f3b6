/** Waiting for something that may be overtaken by what a person does. */
import { CancellationScope, condition } from '@temporalio/workflow';

/** What `act` gives, or undefined once `isOver` and it was cancelled. */
export async function unless<T>(act: () => Promise<T>, isOver: () => boolean): Promise<T | undefined> {
  const scope = new CancellationScope();
  const state: { value?: T; error?: Error; isSettled: boolean } = { isSettled: false };
  void scope
    .run(act)
    .then(
      (value) => (state.value = value),
      (error: Error) => (state.error = error),
    )
    .then(() => (state.isSettled = true));
  await condition(() => state.isSettled || isOver());
  if (state.isSettled && state.error !== undefined) throw state.error;
  if (state.isSettled) return state.value;
  scope.cancel();
  await condition(() => state.isSettled);
  // It may have been done in the same moment.
  return state.value;
}
