/** What the parameters of an answer say of where it came from. Pure. */
import { TierAnswer } from './big-model.ts';
import type { Origin } from './big-model.ts';

/** The answer as it is where its parameters say nothing: then it comes from the end of the chain. */
export function withOrigin<O>(answer: O, parameters: unknown): O | TierAnswer<O> {
  const origin = originOf(parameters);
  return origin === undefined ? answer : new TierAnswer(answer, origin);
}

/** Of a request with several samples `degraded` is how many are. */
function originOf(parameters: unknown): Origin | undefined {
  if (typeof parameters !== 'object' || parameters === null) return undefined;
  const given = parameters as Record<string, unknown>;
  const { degraded, reason, message } = given;
  const answeredBy = given['answered_by'];
  if (typeof answeredBy !== 'string' && degraded === undefined) return undefined;
  const times = [given['edge_ms'], given['cloud_ms']].filter((ms) => typeof ms === 'number');
  return {
    answeredBy: typeof answeredBy === 'string' ? answeredBy : 'cloud',
    degraded: degraded === true || (typeof degraded === 'number' && degraded > 0),
    ...(typeof reason === 'string' && { reason }),
    ...(typeof message === 'string' && { message }),
    ...(times.length > 0 && { tookMs: times.reduce((sum, ms) => sum + ms, 0) }),
  };
}
