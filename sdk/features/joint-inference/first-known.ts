import { BigModelError } from './big-model.ts';
import type { BigModel } from './big-model.ts';

/**
 * One big model that may be asked in several ways: in the one that it last answered, else in the first of the others that it knows.
 * Where it knows none, the first one's error is the answer.
 */
export function firstKnown<I, O>(ways: readonly BigModel<I, O>[]): BigModel<I, O> {
  let known = ways[0];
  return {
    async infer(input, options) {
      let unknown: unknown;
      const inTurn = [known, ...ways.filter((way) => way !== known)].filter((way) => way !== undefined);
      for (const way of inTurn) {
        try {
          const answer = await way.infer(input, options);
          known = way;
          return answer;
        } catch (error) {
          if (!(error instanceof BigModelError && error.unknown)) throw error;
          unknown ??= error;
        }
      }
      throw unknown;
    },
    async close() {
      for (const way of ways) await way.close?.();
    },
  };
}
