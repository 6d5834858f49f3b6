/** Connecting to Temporal: the same environment variables and profiles as the `temporal` command. */
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { setTimeout as delay } from 'node:timers/promises';
import { paragraphOf } from '../../workflows/lib/cures.ts';
import { logger } from './log.ts';
import { dataConverter } from './payloads.ts';
import { freePort } from './ports.ts';

export interface TemporalConnections {
  /** For Temporal workers. */
  native: NativeConnection;
  client: Client;
  namespace: string;
  close(): Promise<void>;
}

const firstWaitMs = 250;
const longestWaitMs = 10_000;
const scrapeMs = 2_000;

/**
 * Of the connection that news goes by. By itself gRPC waits up to two minutes once a link was away for long, so that a node would count
 * as silent long after it is back; the connection of the Temporal workers, which is another one, tries every few seconds.
 */
const reconnecting = { 'grpc.initial_reconnect_backoff_ms': 250, 'grpc.max_reconnect_backoff_ms': 3_000 };

/**
 * Once per process, before anything else of the SDK. Its metrics have an exporter of their own on loopback; the returned function
 * reads it, so that one address of ours gives all.
 */
export async function installRuntime(): Promise<() => Promise<string>> {
  const port = await freePort();

  const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
  Runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => logger[levels[level]]({ ...meta }, message)),
    telemetryOptions: {
      logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
      metrics: { prometheus: { bindAddress: `127.0.0.1:${port}`, countersTotalSuffix: true, unitSuffix: true } },
    },
    // The mains stop their workers themselves, in the order that they need.
    shutdownSignals: [],
  });
  return async () => {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(scrapeMs) });
      return answer.ok ? await answer.text() : '';
    } catch {
      return '';
    }
  };
}

/**
 * Connects, trying again until it succeeds or `signal` fires: a node may boot before its uplink is there, and no bound would be
 * the right one. Every failed try is said.
 */
export async function connectTemporal(signal: AbortSignal): Promise<TemporalConnections> {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  for (let wait = firstWaitMs; ; wait = Math.min(wait * 2, longestWaitMs)) {
    try {
      const native = await NativeConnection.connect(connectionOptions);
      const connection = Connection.lazy({ ...connectionOptions, channelArgs: reconnecting });
      const client = new Client({ connection, namespace, dataConverter });
      return {
        native,
        client,
        namespace,
        async close() {
          await connection.close();
          await native.close();
        },
      };
    } catch (error) {
      const address = connectionOptions.address ?? 'localhost:7233';
      const hint = 'start it (sedna up), or set TEMPORAL_ADDRESS; this goes on by itself';
      logger.warn(
        { error: String(error), hint, more: paragraphOf('TemporalUnreachable') },
        `Temporal at ${address} is not reachable; next try in ${wait} ms`,
      );
      await delay(wait, undefined, { signal });
    }
  }
}
