import path from 'node:path';
import { z } from 'zod';
import { deferred, deferredLimits } from '../../../crds/lib/joint-inference.ts';
import type { Deferred } from '../../../crds/lib/joint-inference.ts';
import { signature } from '../../../crds/lib/signature.ts';
import type { ModelSignature } from '../../../crds/lib/signature.ts';
import { deferredFolder } from '../../features/joint-inference/deferred/inherited.ts';
import { isInUse, settingsOf } from '../../features/joint-inference/deferred/settings.ts';
import { Context } from '../../worker/context.ts';

/** For running requests when a worker ends, in ms: below the 10 s after which it is killed, so that it closes what it holds. */
export const drainMs = 8_000;

/** What a ready-made worker is told besides what every worker is. */
export interface ServingEnvironment {
  port: number;
  /** Left out: nothing is served over gRPC. */
  grpcPort?: number;
  /** What comes before and after the model. */
  signature?: ModelSignature;
  /** Kept over restarts of the worker. */
  stateFolder: string;
  /** Not `accepts`: what was kept before still gets its end. */
  deferred?: {
    folder: string;
    quotaBytes: number;
    maxAgeMs: number;
    callbackHosts?: readonly string[];
    accepts: boolean;
  };
  hardExamples?: { url: string; format: string };
  /** Time from a request to its answer, in ms (`SEDNA_DEADLINE_MS`). */
  deadlineMs: number;
  /** Time after which the big model is asked a second time, in ms (`SEDNA_HEDGE_AFTER_MS`). */
  hedgeAfterMs?: number;
}

/** `SEDNA_SERVE_PORT`, `SEDNA_PORT_GRPC`, `MODEL_SIGNATURE`, `SEDNA_WORKER_STATE`, `SEDNA_DEFERRED`, `SEDNA_HARD_EXAMPLES` and the limits that a template may set. */
export function servingEnvironment(environment = process.env): ServingEnvironment {
  const context = new Context(environment);
  const stateFolder = context.get('SEDNA_WORKER_STATE', process.cwd());
  const wanted = parsed(context, 'SEDNA_DEFERRED', deferred());
  const examples = parsed(context, 'SEDNA_HARD_EXAMPLES', z.object({ url: z.string(), format: z.string() }).partial());
  const { url, format } = examples ?? {};
  const grpcPort = context.number('SEDNA_PORT_GRPC', 0);
  const hedgeAfterMs = context.number('SEDNA_HEDGE_AFTER_MS', 0);
  return {
    port: context.number('SEDNA_SERVE_PORT', 8080, 1),
    ...(grpcPort > 0 && { grpcPort }),
    stateFolder,
    signature: parsed(context, 'MODEL_SIGNATURE', signature()),
    deadlineMs: context.number('SEDNA_DEADLINE_MS', 1_000, 1),
    ...(hedgeAfterMs > 0 && { hedgeAfterMs }),
    ...deferredAnswers(path.join(stateFolder, deferredFolder), wanted),
    // The dataset may not be there yet, or be on another node: status says so.
    ...(url !== undefined && format !== undefined && { hardExamples: { url, format } }),
  };
}

function deferredAnswers(folder: string, wanted: Deferred | undefined): Pick<ServingEnvironment, 'deferred'> {
  const accepts = wanted?.enabled === true;
  if (!accepts && !isInUse(folder)) return {};
  const said = { callbackHosts: wanted?.callbackHosts, ...deferredLimits(wanted ?? {}) };
  return { deferred: { folder, accepts, ...said, ...(accepts ? {} : settingsOf(folder)) } };
}

function parsed<T extends z.ZodType>(context: Context, name: string, schema: T): z.infer<T> | undefined {
  const text = context.get(name);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
  }
}
