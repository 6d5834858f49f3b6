import { inChild } from '../../../activities/edge/lib/child.ts';
import type { RoundPlayer } from '../../../activities/edge/user-aggregator.ts';

/** Frames are written and read in a child process: large ones would hold up the heartbeats. */
export const roundPlayer: RoundPlayer = {
  play: (input, signal) => inChild('play-round', input, signal, new URL('children/', import.meta.url)),
};
