import type { IncomingMessage } from 'node:http';

/** Bytes that must have come within every `ms`. */
export interface Pace {
  bytes: number;
  ms: number;
}

/**
 * Calls `tooSlow` when a body comes slower, so that who sends a byte a minute holds no connection; how long a large one takes on a slow
 * link does not matter. While its reader has it paused nobody is slow.
 */
export function watchPace(incoming: IncomingMessage, { bytes, ms }: Pace, tooSlow: () => void): void {
  const { socket } = incoming;
  let before = socket.bytesRead;
  let paused = false;
  const timer = setInterval(() => {
    const slow = !paused && socket.bytesRead - before < bytes;
    before = socket.bytesRead;
    paused = incoming.isPaused();
    const over = incoming.complete || socket.destroyed;
    if (over || slow) clearInterval(timer);
    if (slow && !over) tooSlow();
  }, ms);
  // One that was answered before its end tells no end of its own.
  timer.unref();
  incoming.on('pause', () => (paused = true));
  for (const end of ['end', 'close']) incoming.once(end, () => clearInterval(timer));
}
