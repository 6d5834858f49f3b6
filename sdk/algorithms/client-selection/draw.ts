import { createHash } from 'node:crypto';
import type { ClientFacts, SelectionRequest } from './selector.ts';

/** A number in (0, 1) for one client in one round: from SHA-256 of seed, round and client, so that no client depends on the others. */
export function chance(seed: number, round: number, client: string): number {
  const digest = createHash('sha256').update(`${seed}/${round}/${client}`).digest();
  return (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48;
}

/**
 * Draws `perRound` clients (all, where it is absent) without putting back, each with a probability in proportion to its weight
 * (Efraimidis and Spirakis, 2006: the largest u^(1/w) win). A weight of 0 is drawn last. In client order.
 */
export function draw(
  { seed, round, perRound }: Pick<SelectionRequest, 'seed' | 'round' | 'perRound'>,
  clients: readonly ClientFacts[],
  weight: (client: ClientFacts) => number = () => 1,
): string[] {
  return clients
    .map((facts) => {
      const w = weight(facts);
      const u = Math.log(chance(seed, round, facts.client));
      return { client: facts.client, key: w > 0 ? u / w : -Infinity };
    })
    .sort((a, b) => (a.key === b.key ? byName(a.client, b.client) : b.key - a.key))
    .slice(0, perRound ?? clients.length)
    .map(({ client }) => client)
    .sort(byName);
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const PATH = 'spec.clientSelection.parameters';

/** A number from 0, `fallback` where it is absent. */
export function amount(parameters: Readonly<Record<string, unknown>>, name: string, fallback: number): number {
  const value = parameters[name];
  if (value === undefined || value === null || value === '') return fallback;
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number) && number >= 0) return number;
  throw new Error(`${PATH}.${name}: must be a number from 0, not ${JSON.stringify(value)}`);
}

/** A text that must be given. */
export function text(parameters: Readonly<Record<string, unknown>>, name: string): string {
  const value = parameters[name];
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value); // manifests turn texts of digits into numbers
  throw new Error(`${PATH}.${name}: is missing; it must be a text`);
}
