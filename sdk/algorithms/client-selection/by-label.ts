import { draw, text } from './draw.ts';
import type { ClientSelector } from './selector.ts';

/** Of the clients whose label `key` is `value` (any, where `value` is absent), `perRound` at random. */
export const byLabel: ClientSelector = (request) => {
  const { clients, parameters = {} } = request;
  const key = text(parameters, 'key');
  const value = parameters.value === undefined ? undefined : text(parameters, 'value');
  const fits = (label: string | undefined): boolean => label !== undefined && (value === undefined || label === value);
  const has = (labels: Readonly<Record<string, string>>): boolean => Object.hasOwn(labels, key) && fits(labels[key]);
  return draw(
    request,
    clients.filter(({ labels = {} }) => has(labels)),
  );
};
