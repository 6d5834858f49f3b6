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

function matches(pattern: string, { host, hostname }: URL): boolean {
  const wanted = pattern.toLowerCase();
  const given = /:\d+$/.test(wanted) ? host : hostname;
  return wanted.startsWith('*.') ? given.endsWith(wanted.slice(1)) : given === wanted;
}

/** Tells one caller. True: it has said that it has it (any 2xx). Redirects are not followed: they could lead anywhere. */
export async function callBack(url: string, body: { id: string }, timeoutMs: number): Promise<boolean> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': body.id },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
