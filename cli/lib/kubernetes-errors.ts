/** What the API server's answers mean to a person. */
import { CliError, EXIT } from './errors.ts';

/** What the API server said no to, one object; undefined for errors that are not of this sort. */
export function refusalOf(error: unknown): CliError | undefined {
  const { body } = error as { body?: unknown };
  return typeof body === 'string' ? ofStatus(body, error) : undefined;
}

/** The client throws fetch's own errors, and the server's as objects with the HTTP status as code and the body as text. */
export function ofKubernetes(error: unknown, kubeconfig: string): CliError | undefined {
  const { message, body } = error as { message?: string; body?: unknown };
  if (error instanceof TypeError && message === 'fetch failed') {
    return new CliError(`the Kubernetes API server of ${kubeconfig} is not reachable`, {
      code: 'ApiServerUnreachable',
      hint: 'sedna doctor says what runs; sedna up starts what does not',
      exitCode: EXIT.unreachable,
      cause: error,
    });
  }
  if (typeof body !== 'string') return undefined;
  if (!body.includes('page not found')) return refusalOf(error);
  return new CliError('the cluster does not know the kinds of sedna.io', {
    code: 'CrdsNotInstalled',
    hint: 'sedna crds | kubectl apply -f -',
    cause: error,
  });
}

/** A refusal of the API server says why, in its own words. */
function ofStatus(body: string, cause: unknown): CliError | undefined {
  let status: { kind?: unknown; message?: unknown; code?: unknown };
  try {
    status = JSON.parse(body) as typeof status;
  } catch {
    return undefined;
  }
  if (status?.kind !== 'Status' || typeof status.message !== 'string') return undefined;
  if (status.code === 404)
    return new CliError(status.message, {
      code: 'NotFound',
      exitCode: EXIT.notFound,
      hint: 'create it first, or correct the name',
      cause,
    });
  const hint = 'correct what it names; kubectl auth can-i says what this user may do';
  return new CliError(`the API server refuses it: ${status.message}`, { code: 'RefusedByApiServer', hint, cause });
}
