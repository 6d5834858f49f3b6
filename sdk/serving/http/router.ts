/** Paths of the Open Inference Protocol. Pure: names what a request asks for. */

export type Verb = 'metadata' | 'ready' | 'config' | 'stats' | 'infer';

type Fixed = 'server' | 'live' | 'serverReady' | 'models' | 'allStats' | 'metrics' | 'index';

export type Route =
  | { to: Fixed }
  | { to: 'load' | 'unload'; model: string }
  | { to: Verb; model: string; version?: string }
  | { to: 'wrongMethod'; allow: 'GET' | 'POST' };

const FIXED: Record<string, { method: 'GET' | 'POST'; to: Fixed }> = {
  '/v2': { method: 'GET', to: 'server' },
  '/v2/': { method: 'GET', to: 'server' },
  '/v2/health/live': { method: 'GET', to: 'live' },
  '/v2/health/ready': { method: 'GET', to: 'serverReady' },
  '/v2/models': { method: 'GET', to: 'models' },
  '/v2/models/stats': { method: 'GET', to: 'allStats' },
  '/v2/repository/index': { method: 'POST', to: 'index' },
  '/metrics': { method: 'GET', to: 'metrics' },
};

const VERBS: Record<string, Verb> = {
  '': 'metadata',
  ready: 'ready',
  config: 'config',
  stats: 'stats',
  infer: 'infer',
};

const MODELS = '/v2/models/';
const REPOSITORY = '/v2/repository/models/';

/** `undefined`: not a path of the protocol. */
export function routeOf(method: string, url: string): Route | undefined {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  if (Object.hasOwn(FIXED, path)) {
    const found = FIXED[path];
    return found && (method === found.method ? { to: found.to } : { to: 'wrongMethod', allow: found.method });
  }
  if (path.startsWith(MODELS)) return modelRoute(method, path.slice(MODELS.length).split('/'));
  if (path.startsWith(REPOSITORY)) return repositoryRoute(method, path.slice(REPOSITORY.length).split('/'));
  return undefined;
}

function modelRoute(method: string, [name = '', ...rest]: string[]): Route | undefined {
  if (rest[0] !== 'versions') return verbRoute(method, rest, { model: decoded(name) });
  const version = decoded(rest[1] ?? '');
  return version ? verbRoute(method, rest.slice(2), { model: decoded(name), version }) : undefined;
}

function verbRoute(
  method: string,
  [verb = '', ...more]: string[],
  { model, version }: { model?: string; version?: string },
): Route | undefined {
  const to = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (!to || !model || more.length > 0) return undefined;
  const allow = to === 'infer' ? 'POST' : 'GET';
  return method === allow ? { to, model, version } : { to: 'wrongMethod', allow };
}

function repositoryRoute(method: string, [name = '', verb, ...more]: string[]): Route | undefined {
  const model = decoded(name);
  if (!model || more.length > 0 || (verb !== 'load' && verb !== 'unload')) return undefined;
  return method === 'POST' ? { to: verb, model } : { to: 'wrongMethod', allow: 'POST' };
}

/** `undefined` for what is no text in percent encoding. */
function decoded(part: string): string | undefined {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
