/** One thread of the triad. The binary is triad.wat. */
import { parentPort } from 'node:worker_threads';
import { webAssembly, type SharedMemory } from '../../sdk/algorithms/aggregation/kernel/web-assembly.ts';

const BINARY =
  'AGFzbQEAAAABCAFgBH9/f38AAhIBA2VudgZtZW1vcnkCAwGAgAQDAgEABwkBBXRyaWFkAAAKwgEBvwEBAX8gACADQQN0aiEEA0Ag' +
  'ACAESQRAIAAgAf0ABABEAAAAAAAACED9FCAC/QAEAP3yAf3wAf0LBAAgACAB/QAEEEQAAAAAAAAIQP0UIAL9AAQQ/fIB/fAB/QsE' +
  'ECAAIAH9AAQgRAAAAAAAAAhA/RQgAv0ABCD98gH98AH9CwQgIAAgAf0ABDBEAAAAAAAACED9FCAC/QAEMP3yAf3wAf0LBDAgAEHA' +
  'AGohACABQcAAaiEBIAJBwABqIQIMAQsLCw==';

export interface Share {
  memory: SharedMemory;
  /** Addresses of three arrays. */
  arrays: [number, number, number];
  /** Doubles; a multiple of 8. */
  n: number;
}

const { Module, Instance } = webAssembly();
const compiled = new Module(Buffer.from(BINARY, 'base64'));

parentPort?.on('message', ({ memory, arrays, n }: Share) => {
  const { triad } = new Instance(compiled, { env: { memory } }).exports as {
    triad: (a: number, b: number, c: number, n: number) => void;
  };
  triad(...arrays, n);
  parentPort?.postMessage('done');
});
