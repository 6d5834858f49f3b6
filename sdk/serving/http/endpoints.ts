import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { parseJson } from '../codec/json-text.ts';
import { describeConfig, describeModel, describeStatistics, EXTENSIONS } from '../describe.ts';
import { InferenceError } from '../errors.ts';
import { PROMETHEUS_TYPE, prometheusText } from '../metrics/prometheus.ts';
import type { ServedModel } from '../served-model.ts';
import type { InferenceService } from '../service.ts';
import { readBody } from './body.ts';
import type { BodyLimits } from './handler.ts';
import { inferOverHttp } from './infer.ts';
import { sendJson, sendText } from './respond.ts';
import type { Route } from './router.ts';

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  limits: BodyLimits;
}

export interface ServerIdentity {
  name: string;
  version: string;
}

/** Bodies of all requests but inferences. */
const SMALL_BODY = 64 * 1024;

const indexSchema = z.object({ ready: z.boolean().default(false), repository_name: z.string().optional() });
const loadSchema = z.object({
  parameters: z.object({ unload_dependents: z.boolean().optional() }).strict().optional(),
});

/** Answers a request for a path of the protocol; rejects with what `sendError` answers. */
// eslint-disable-next-line complexity -- one case per kind of path, nothing else
export async function answer(
  service: InferenceService,
  identity: ServerIdentity,
  route: Route,
  exchange: Exchange,
): Promise<void> {
  const { response } = exchange;
  switch (route.to) {
    case 'infer':
      return inferOverHttp(service, route, exchange);
    case 'server':
      return sendJson(response, 200, { ...identity, extensions: EXTENSIONS });
    case 'live':
      return sendJson(response, 200, { live: true });
    case 'serverReady':
      return sendJson(response, service.ready ? 200 : 503, { ready: service.ready });
    case 'models':
      return sendJson(response, 200, { models: service.models.map(({ name }) => name) });
    case 'allStats':
      return sendJson(response, 200, describeStatistics(service.statistics.list()));
    case 'metrics':
      return sendMetrics(service, response);
    case 'wrongMethod':
      return sendJson(response, 405, { error: `only ${route.allow} is allowed here` }, ['allow', route.allow]);
    case 'index': {
      const { ready } = await readSmall(exchange.request, indexSchema);
      return sendJson(response, 200, service.index(ready));
    }
    case 'load':
    case 'unload':
      return change(service, route, exchange);
    default:
      return answerModel(service, route.to, service.find(route.model, route.version), response);
  }
}

function answerModel(
  { statistics }: InferenceService,
  verb: 'metadata' | 'ready' | 'config' | 'stats',
  model: ServedModel,
  response: ServerResponse,
): void {
  const { name } = model;
  const ready = model.version() !== undefined;
  switch (verb) {
    case 'metadata':
      return sendJson(response, 200, describeModel(model));
    case 'ready':
      return sendJson(response, ready ? 200 : 503, { name, ready, ...(!ready && { reason: model.unavailable?.() }) });
    case 'config':
      return sendJson(response, 200, describeConfig(model));
    case 'stats':
      return sendJson(response, 200, describeStatistics(statistics.list(name)));
  }
}

async function change(
  service: InferenceService,
  { to, model }: { to: 'load' | 'unload'; model: string },
  { request, response }: Exchange,
): Promise<void> {
  await readSmall(request, loadSchema);
  await service[to](model);
  sendJson(response, 200, { name: model, [to]: true });
}

async function readSmall<T extends z.ZodType>(request: IncomingMessage, schema: T): Promise<z.infer<T>> {
  const body = await readBody(request, { limit: SMALL_BODY });
  const parsed = schema.safeParse(body.byteLength === 0 ? {} : parseJson(body));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new InferenceError(400, `invalid request: ${issue?.path.join('.') || 'body'}: ${issue?.message}`);
}

function sendMetrics({ models, statistics }: InferenceService, response: ServerResponse): void {
  const ready = new Map(models.map((model) => [model.name, model.version() !== undefined]));
  sendText(response, 200, prometheusText(statistics, ready), ['content-type', PROMETHEUS_TYPE]);
}
