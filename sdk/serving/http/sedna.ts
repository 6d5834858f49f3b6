/** The REST interface of Sedna's big-model service: what joint-inference workers of Sedna's library ask their cloud. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { feedsOf, listOf, type ListFeeds } from '../codec/nested-list.ts';
import { parseJson } from '../codec/json-text.ts';
import { InferenceError, inferenceError } from '../errors.ts';
import type { Parameters } from '../served-model.ts';
import type { InferCall, InferenceService } from '../service.ts';
import { readBody } from './body.ts';
import type { BodyLimits, RequestHandler } from './handler.ts';
import { goneController, jsonLimit } from './infer.ts';
import { sendError, sendJson, sendText } from './respond.ts';

export interface PredictOptions {
  /** Name of the service: answers `/<job>/predict`, and `/sedna/predict` in any case. */
  job?: string;
  /** Model that answers. Default: the first one. */
  model?: string;
  /** Answers instead of a model: the request's `data` → `result`. */
  handler?: (data: unknown[], signal: AbortSignal) => Promise<unknown[]>;
}

/** What its workers use where no job is named. */
const DEFAULT_JOB = 'sedna';

export function sednaHandler(service: InferenceService, options: PredictOptions, limits: BodyLimits): RequestHandler {
  const jobs = new Set([DEFAULT_JOB, options.job ?? DEFAULT_JOB]);
  const infos = [...jobs].flatMap((job) => [
    { path: `/${job}`, name: 'model_info' },
    { path: `/${job}/predict`, name: 'predict' },
  ]);
  return (request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    const [, job = '', verb, ...more] = path.split('/');
    if (!jobs.has(job) || more.length > 0) return false;
    if (verb === undefined && request.method === 'GET') sendJson(response, 200, { infos });
    else if (verb === 'predict' && request.method === 'POST')
      void predict(service, options, { request, response, limits });
    else return false;
    return true;
  };
}

async function predict(
  service: InferenceService,
  { model = service.models[0]?.name ?? '', handler }: PredictOptions,
  { request, response, limits }: { request: IncomingMessage; response: ServerResponse; limits: BodyLimits },
): Promise<void> {
  try {
    const { data, parameters } = questionOf(await readBody(request, jsonLimit(limits)));
    const gone = goneController(response);
    const answer = handler
      ? { result: await handler(data, gone.signal) }
      : await infer(service, { model, data, parameters, gone });
    sendJson(response, 200, answer);
  } catch (thrown) {
    answerProblem(response, thrown);
  }
}

function infer(
  service: InferenceService,
  { model, data, parameters, gone }: Question & { model: string; gone: AbortController },
): Promise<PredictAnswer> {
  return service.infer<InferCall & ListFeeds, PredictAnswer>(
    { model },
    {
      read: (inputs) => ({ parameters, ...feedsOf(data, inputs) }),
      write: (_model, { isRow }, { outputs, parameters: said }) => ({
        result: listOf(outputs, isRow),
        ...(said && { parameters: said }),
      }),
    },
    gone,
  );
}

interface Question {
  data: unknown[];
  parameters: Parameters;
}

/** `parameters`, where the model says any, is ours; the original's workers read `result` alone. */
interface PredictAnswer {
  result: unknown[];
  parameters?: Parameters;
}

/** What FastAPI says of a body that is not as declared. */
class ValidationProblem extends Error {
  readonly detail: { loc: string[]; msg: string; type: string }[];

  constructor(loc: string[], msg: string, type: string) {
    super(msg);
    this.detail = [{ loc, msg, type }];
  }
}

/** `data` of the body, and `deadline_ms` of workers of ours that ask a tier; other keys are ignored, as the original does. */
function questionOf(body: Buffer): Question {
  let parsed: unknown;
  try {
    parsed = parseJson(body);
  } catch (error) {
    if (inferenceError(error).statusCode !== 400) throw error;
    throw new ValidationProblem(['body'], (error as Error).message, 'value_error.jsondecode');
  }
  const given =
    typeof parsed === 'object' && parsed !== null
      ? (parsed as { data?: unknown; callback?: unknown; deadline_ms?: unknown })
      : {};
  if (given.data === undefined) throw new ValidationProblem(['body', 'data'], 'field required', 'value_error.missing');
  if (!Array.isArray(given.data)) {
    throw new ValidationProblem(['body', 'data'], 'value is not a valid list', 'type_error.list');
  }
  if (given.callback !== undefined && given.callback !== null) {
    throw new InferenceError(500, 'callback is not supported: post-process where the result is used');
  }
  const { deadline_ms: deadlineMs } = given;
  return { data: given.data, parameters: typeof deadlineMs === 'number' ? { deadline_ms: deadlineMs } : {} };
}

/** 422 with details for what the caller can mend, plain text for the rest; back-pressure as everywhere else. */
function answerProblem(response: ServerResponse, thrown: unknown): void {
  if (response.headersSent || response.destroyed) return;
  if (thrown instanceof ValidationProblem) return sendJson(response, 422, { detail: thrown.detail });
  const { statusCode, message } = inferenceError(thrown);
  if (statusCode === 400) {
    return sendJson(response, 422, { detail: [{ loc: ['body', 'data'], msg: message, type: 'value_error' }] });
  }
  if (statusCode === 500) return sendText(response, 500, message, ['content-type', 'text/plain; charset=utf-8']);
  sendError(response, thrown);
}
