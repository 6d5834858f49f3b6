/** The thread that owns the store, so that nobody's answer waits for the disk. Calls that wait together become durable together. */
import { parentPort, workerData } from 'node:worker_threads';
import { DeferredStore } from './store.ts';
import type { StoreOptions } from './store.ts';

/** What may be called from outside. */
export type StoreMethod = Exclude<keyof DeferredStore, 'transaction' | 'close'>;
export interface StoreCall {
  number: number;
  method: StoreMethod | 'close';
  values: unknown[];
}
export interface StoreAnswer {
  number: number;
  value?: unknown;
  error?: Error;
}

const store = new DeferredStore(workerData as StoreOptions);
const waiting: StoreCall[] = [];

parentPort?.on('message', (call: StoreCall) => {
  if (waiting.push(call) === 1) setImmediate(work);
});

function work(): void {
  const calls = waiting.splice(0);
  const answers = together(calls) ?? calls.map(alone);
  for (const answer of answers) parentPort?.postMessage(answer);
  if (!calls.some(({ method }) => method === 'close')) return;
  store.close();
  parentPort?.close();
}

/** `undefined`: one of them failed, and none has happened. */
function together(calls: StoreCall[]): StoreAnswer[] | undefined {
  try {
    return store.transaction(() => calls.map((call) => ({ number: call.number, value: perform(call) })));
  } catch {
    return undefined;
  }
}

function alone(call: StoreCall): StoreAnswer {
  try {
    return { number: call.number, value: store.transaction(() => perform(call)) };
  } catch (error) {
    return { number: call.number, error: error as Error };
  }
}

function perform({ method, values }: StoreCall): unknown {
  if (method === 'close') return undefined;
  return (store[method] as (...values: unknown[]) => unknown)(...values);
}
