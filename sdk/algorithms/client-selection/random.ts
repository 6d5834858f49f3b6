import { draw } from './draw.ts';
import type { ClientSelector } from './selector.ts';

/** `perRound` clients, all equally likely, drawn anew in each round. */
export const random: ClientSelector = (request) => draw(request, request.clients);
