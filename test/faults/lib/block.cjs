/**
 * Preloaded into a process: SIGUSR2 stops its event loop for as many ms as the file BLOCK_FILE says, as one huge JSON would, but without
 * taking a CPU from the others.
 */
const { readFileSync } = require('node:fs');

process.on('SIGUSR2', () => {
  const ms = Number(readFileSync(process.env.BLOCK_FILE, 'utf8'));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
});
