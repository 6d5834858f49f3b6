/** Objects that are larger than the API server's store takes (etcd: 1.5 MiB a request): the lists of a status that name every client give way. */
import { ApiException } from '@kubernetes/client-node';

const lists = ['clients'];

/** The API server says it as 413, or as an internal error of its store. */
export function isTooLarge(error: unknown): boolean {
  if (!(error instanceof ApiException)) return false;
  return error.code === 413 || /request is too large|message larger than max/.test(JSON.stringify(error.body));
}

/** Undefined: nothing can be left out. */
export function shortened(status: Record<string, unknown>): Record<string, unknown> | undefined {
  const left = lists.filter((name) => Array.isArray(status[name]));
  if (left.length === 0) return undefined;
  const { waitingFor } = status;
  const rest = Object.fromEntries(Object.entries(status).filter(([name]) => !left.includes(name)));
  return {
    ...rest,
    ...(isRecord(waitingFor) ? { waitingFor: { ...waitingFor, missing: undefined } } : {}),
    leftOut: `${left.join(', ')}: the object would be larger than the API server takes; the workflow's query "status" has them`,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
