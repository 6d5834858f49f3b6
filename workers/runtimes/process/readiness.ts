import { connect } from 'node:net';
import type { WorkerRecord } from './store.ts';

const probeMs = 1_000;

/**
 * A worker without readiness probe is ready as soon as it runs; the probe is an HTTP GET that must answer 2xx or 3xx, or without a
 * path a connection that is taken. Undefined: it is ready.
 */
export async function whyNotReady({ launch, ports }: WorkerRecord): Promise<string | undefined> {
  const { readiness } = launch;
  if (readiness === undefined) return undefined;
  const named = launch.ports.find(
    ({ name, containerPort }) => name === readiness.port || containerPort === Number(readiness.port),
  );
  const port = named === undefined ? Number(readiness.port) : ports[named.name];
  if (readiness.path === undefined) return (await listens(port ?? 0)) ? undefined : `port ${port} takes no connection`;
  try {
    const path = readiness.path.startsWith('/') ? readiness.path : `/${readiness.path}`;
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      signal: AbortSignal.timeout(probeMs),
      redirect: 'manual',
    });
    if (answer.status >= 200 && answer.status < 400) {
      await answer.body?.cancel();
      return undefined;
    }
    return `GET ${path} answers ${answer.status} ${(await answer.text()).slice(0, 200)}`.trim();
  } catch (error) {
    const { message } = ((error as Error).cause as Error | undefined) ?? (error as Error);
    return `GET ${readiness.path}: ${message}`;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: probeMs });
    const settle = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}
