import type { ClientSelector } from './selector.ts';

/** Every client; `perRound` plays no part. */
export const all: ClientSelector = ({ clients }) => clients.map(({ client }) => client).sort();
