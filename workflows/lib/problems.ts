import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, TimeoutFailure } from '@temporalio/workflow';
import type { Problem } from './failures.ts';

/** What a failure of an activity or child means for a person: its type is the reason, its message the message. */
export function problemOf(error: unknown): Problem {
  const cause = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) return { reason: cause.type ?? 'Error', message: cause.message };
  if (cause instanceof TimeoutFailure) return { reason: 'NodeSilent', message: `no answer: ${cause.message}` };
  return { reason: 'Error', message: cause instanceof Error ? cause.message : String(cause) };
}
