/**
 * Runs in the thread that executes workflows, before Temporal's own code. Two debugging aids of the SDK cost three quarters of the
 * CPU of every replay, and a quarter of that of a live workflow task (docs/adr/0016-lean-workflow-threads.md):
 * - a call stack noted for every promise, for the query `__stack_trace`;
 * - a thread started and ended around each of the several entries into the sandbox, to interrupt endless loops.
 */
import v8 from 'node:v8';
import { Script, type Context, type RunningScriptInNewContextOptions } from 'node:vm';

v8.promiseHooks.createHook = () => {
  throw new Error('call stacks of workflows are off: start with SEDNA_WORKFLOW_DEBUG=1');
};

/* eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its own `this`. */
const { runInContext } = Script.prototype;
Script.prototype.runInContext = function (this: Script, context: Context, options?: RunningScriptInNewContextOptions) {
  const { timeout: _, ...rest } = options ?? {};
  return runInContext.call(this, context, rest) as unknown;
};

// The SDK says there, once, that this Node.js has no promise hooks.
const { warn } = console;
console.warn = (...said: unknown[]) => {
  if (!String(said[0]).startsWith('v8.promiseHooks.createHook')) warn(...said);
};
