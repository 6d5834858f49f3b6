/** Host names of callback URLs: `example.org`, or `*.example.org` for all below it; with `:port` that port alone. */
export type CallbackHosts = readonly string[];

/** Why a URL may not be called; `undefined` if it may. Whoever sends requests chooses it, so only hosts that the service names are called. */
export function callbackProblem(url: string, hosts: CallbackHosts): string | undefined {
  if (url.length > 2_048) return 'is longer than 2048 characters';
  const parsed = URL.parse(url);
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol)) return 'is no http or https URL';
  if (parsed.username !== '' || parsed.password !== '') return 'must hold no credentials';
  if (hosts.some((pattern) => matches(pattern, parsed))) return undefined;
  return `its host ${parsed.host} is not among those of spec.deferred.callbackHosts`;
}

const defaultPorts: Record<string, string> = { 'http:': '80', 'https:': '443' };

/** A URL leaves out the port that its scheme has anyway. */
function matches(pattern: string, { protocol, hostname, port }: URL): boolean {
  const [, wanted = '', wantedPort] = /^(.*?)(?::(\d+))?$/.exec(pattern.toLowerCase()) ?? [];
  if (wantedPort !== undefined && wantedPort !== (port || defaultPorts[protocol])) return false;
  return wanted.startsWith('*.') ? isBelow(hostname, wanted.slice(1)) : hostname === wanted;
}

const isBelow = (hostname: string, domain: string): boolean =>
  hostname.length > domain.length && hostname.endsWith(domain);

/** The address that a callback calls, as all of its URLs begin that were written by `canonical`. */
export const originOf = (url: string): string => `${URL.parse(url)?.origin ?? url}/`;

/** A URL that may be called as the URL standard writes it: host in lower case, without the port that its scheme has anyway. */
export const canonical = (url: string): string => URL.parse(url)?.href ?? url;

/**
 * Tells one caller. `told`: it has said that it has it (any 2xx); `refused`: it has said something else. Redirects are not followed: they
 * could lead anywhere.
 */
export async function callBack(
  url: string,
  body: { id: string },
  signal: AbortSignal,
): Promise<'told' | 'refused' | 'unreachable'> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': body.id },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal,
    });
    await response.body?.cancel();
    return response.ok ? 'told' : 'refused';
  } catch {
    return 'unreachable';
  }
}
