/** What a call that did not get through means to a person. */
import { isGrpcServiceError } from '@temporalio/client';
import { isLocal, localPath } from '../../sdk/storage/index.ts';
import { CliError, EXIT } from './errors.ts';
import { ofKubernetes } from './kubernetes-errors.ts';

/** gRPC status codes. */
const deadlineExceeded = 4;
const failedPrecondition = 9;
const unavailable = 14;

export interface Servers {
  temporal: string;
  kubeconfig?: string | undefined;
  blobUrl?: string | undefined;
}

/** Undefined for errors that are not of this sort. */
export function brokenCall(error: unknown, { temporal, kubeconfig, blobUrl }: Servers): CliError | undefined {
  if (isFailingWorkflow(error)) return failingWorkflow(error);
  const cause = grpcErrorOf(error);
  if (cause !== undefined) return ofTemporal(cause.code, temporal, error);
  return ofBlobStore(error, blobUrl) ?? (kubeconfig === undefined ? undefined : ofKubernetes(error, kubeconfig));
}

function grpcErrorOf(error: unknown): { code: number; details: string } | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (isGrpcServiceError(cause)) return cause;
  return undefined;
}

/** Whether a global manager is there and the workflow that was asked fails in it: the server says so after some tries. */
export function isFailingWorkflow(error: unknown): boolean {
  const cause = grpcErrorOf(error);
  return cause?.code === failedPrecondition && /workflow task in failed state/i.test(cause.details);
}

function failingWorkflow(cause: unknown): CliError {
  return new CliError(`the workflow of the object fails: ${grpcErrorOf(cause)?.details}`, {
    code: 'WorkflowFailing',
    hint: 'the log of the global manager and the Temporal Web UI say with what; it goes on by itself under a release that mends it',
    cause,
  });
}

/** Of a list: what one such object is shown as, so that it does not hide the others. */
export function failingStatus(error: unknown): Record<string, unknown> {
  const { code: reason, message } = failingWorkflow(error);
  return { phase: 'Unknown', waitingFor: { reason, message } };
}

/** The system's own error about a path of the store. */
function ofBlobStore(error: unknown, blobUrl: string | undefined): CliError | undefined {
  const { path, message } = error as NodeJS.ErrnoException;
  if (path === undefined || !blobUrl || !isLocal(blobUrl) || !path.startsWith(localPath(blobUrl))) return undefined;
  return new CliError(`the blob store ${blobUrl} cannot be used: ${message}`, {
    code: 'BlobStoreUnreachable',
    hint: 'set SEDNA_BLOB_URL to a place that this user can read and write, the same as for sedna gm',
    exitCode: EXIT.unreachable,
    cause: error,
  });
}

function ofTemporal(code: number, address: string, cause: unknown): CliError | undefined {
  if (code === unavailable) return temporalUnreachable(address, cause);
  // A query is answered by a global manager: where none polls, the server waits or says so.
  if (code !== deadlineExceeded && code !== failedPrecondition) return undefined;
  return new CliError('no global manager answers', {
    code: 'NoGlobalManager',
    hint: 'sedna doctor says what runs; sedna up starts what does not, sedna gm one by hand',
    exitCode: EXIT.unreachable,
    cause,
  });
}

export function temporalUnreachable(address: string, cause: unknown): CliError {
  return new CliError(`Temporal at ${address} is not reachable`, {
    code: 'TemporalUnreachable',
    hint: 'sedna doctor says what runs; sedna up starts what does not',
    exitCode: EXIT.unreachable,
    cause,
  });
}
