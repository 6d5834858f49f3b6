import { InferenceError } from '../errors.ts';

/** An input of a request that is refused, by its name. */
export const badInput = (name: string, problem: string) => new InferenceError(400, `input "${name}": ${problem}`);
