import { amount, draw } from './draw.ts';
import type { ClientSelector } from './selector.ts';

/**
 * `perRound` clients; one that failed n times is `penalty`^n as likely (0.5). Never those that failed more than `maxFailures` times
 * (default: no limit).
 */
export const byFailures: ClientSelector = (request) => {
  const { clients, parameters = {} } = request;
  const penalty = Math.min(1, amount(parameters, 'penalty', 0.5));
  const most = amount(parameters, 'maxFailures', Number.MAX_VALUE);
  const allowed = clients.filter(({ failures = 0 }) => failures <= most);
  return draw(request, allowed, ({ failures = 0 }) => penalty ** failures);
};
