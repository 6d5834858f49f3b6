/**
 * What of the Temporal SDK costs more than the workflows that it runs, left out (docs/adr/0016-lean-workflow-threads.md):
 * - a call stack noted for every promise, for the query `__stack_trace`;
 * - a thread started and ended around each of the several entries into the sandbox, to interrupt endless loops;
 * - a thread of its own for workflows, which each activation crosses four times. `debugMode` is the SDK's name for doing without.
 */
import type { WorkerOptions } from '@temporalio/worker';
import v8 from 'node:v8';
import { Script, type Context, type RunningScriptInNewContextOptions } from 'node:vm';

let isLean = false;

/** Options of a Temporal worker for workflows; changes this process, once. `SEDNA_WORKFLOW_DEBUG=1`: all as the SDK has it. */
export function leanWorkflows(): Pick<WorkerOptions, 'debugMode'> {
  if (process.env['SEDNA_WORKFLOW_DEBUG'] === '1') return { debugMode: false };
  if (!isLean) leaveOut();
  isLean = true;
  return { debugMode: true };
}

/** The SDK has no option for these. */
function leaveOut(): void {
  v8.promiseHooks.createHook = () => {
    throw new Error('call stacks of workflows are off: start with SEDNA_WORKFLOW_DEBUG=1');
  };

  /* eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its own `this`. */
  const { runInContext } = Script.prototype;
  const withoutTimeout = function (this: Script, context: Context, options?: RunningScriptInNewContextOptions) {
    const { timeout: _, ...rest } = options ?? {};
    return runInContext.call(this, context, rest) as unknown;
  };
  Script.prototype.runInContext = withoutTimeout;

  // The SDK says there, once, that this Node.js has no promise hooks.
  const { warn } = console;
  console.warn = (...said: unknown[]) => {
    if (!String(said[0]).startsWith('v8.promiseHooks.createHook')) warn(...said);
  };
}
