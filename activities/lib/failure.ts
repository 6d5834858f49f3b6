import { ApplicationFailure } from '@temporalio/common';
import { failures, type FailureType } from '../../workflows/lib/failures.ts';

/** A failure of the catalogue as Temporal wants it: its type is the reason that people will read. */
export function failure(type: FailureType, message: string, cause?: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: !failures[type].retryable,
    ...(cause instanceof Error ? { cause } : {}),
  });
}
