import { amount, draw } from './draw.ts';
import type { ClientSelector } from './selector.ts';

/**
 * `perRound` clients, each with a probability in proportion to its samples; those with fewer than `minSamples` (1) never. A client whose
 * samples are unknown counts as the mean of the others.
 */
export const byDataSize: ClientSelector = (request) => {
  const { clients, parameters = {} } = request;
  const least = amount(parameters, 'minSamples', 1);
  const known = clients.flatMap(({ samples }) => (samples === undefined ? [] : [samples]));
  const mean = known.length === 0 ? 1 : known.reduce((sum, one) => sum + one, 0) / known.length;
  const allowed = clients.filter(({ samples }) => samples === undefined || samples >= least);
  return draw(request, allowed, ({ samples = mean }) => samples);
};
