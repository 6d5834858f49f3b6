/**
 * Federated runs that divide their clients sooner: what the job gives a run at its start says so. Loaded into the bundle of workflows as an interceptor;
 * the workflows are the real ones, and their histories replay without it.
 */
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';
import type { CohortLimits } from '../../../workflows/lib/federated/cohorts.ts';
import type { RunInput } from '../../../workflows/lib/federated/state.ts';

const cohorts: CohortLimits = { alone: 4, size: 3 };

export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      async startChildWorkflowExecution(input, next) {
        if (input.workflowType !== 'federatedRun') return next(input);
        const [run] = input.options.args as [RunInput];
        return next({ ...input, options: { ...input.options, args: [{ ...run, cohorts }] } });
      },
    },
  ],
});
