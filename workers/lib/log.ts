import { pino } from 'pino';

/** One JSON line per entry on stdout. `LOG_LEVEL` as in the worker contract (INFO, DEBUG, …). */
export const logger = pino({
  level: (process.env['LOG_LEVEL'] ?? 'info').toLowerCase(),
  base: { pid: process.pid },
  timestamp: pino.stdTimeFunctions.isoTime,
});
