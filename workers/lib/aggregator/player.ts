import { onceInChild } from '../../../activities/edge/lib/child.ts';
import type { RoundPlayer } from '../../../activities/edge/user-aggregator.ts';

/**
 * Frames are written and read in a child process: large ones would hold up the heartbeats. Once: the aggregator of a child that was killed is
 * in the middle of the round, and is replaced before anybody plays to it again.
 */
export const roundPlayer: RoundPlayer = {
  play: (input, signal) => onceInChild('play-round', input, signal, new URL('children/', import.meta.url)),
};
