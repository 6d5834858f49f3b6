import { searchAttributes } from '../../workflows/lib/messages.ts';
import type { Component } from './component.ts';

/** What the Temporal UI and `temporal workflow list --query` can filter by. */
const attributeNames = Object.values(searchAttributes);

/**
 * The dev server's defaults suit many tenants on few shards: each of its few queues is read at most 20 times a second and
 * timers may fire a second late. For one user these cut an activity round trip from about 150 to 35 ms.
 */
const DYNAMIC_CONFIG = [
  'history.transferProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollRPS=2000',
  'history.visibilityProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxTimeShift="1ms"',
  // A workflow that cannot be replayed is listed after two failed tasks instead of five, see workers/lib/heal.ts.
  'system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2',
];

/**
 * Four partitions of each queue share the load of many matching services, of which there is one here: pollers and tasks meet at once
 * only in the first, the others pass theirs on to it, and go on doing so, many times a second, with each task of a node that is away.
 */
const ONE_PARTITION = ['matching.numTaskqueueReadPartitions=1', 'matching.numTaskqueueWritePartitions=1'];

/** WAL with NORMAL survives kill -9 of the server; a power cut may lose the last commits but never corrupts the file. */
const PRAGMAS = ['journal_mode=WAL', 'synchronous=NORMAL'];

export interface TemporalOptions {
  binary: string;
  ports: { grpc: number; http: number; ui: number; metrics: number };
  /** SQLite file; without it everything is lost when the server stops. */
  dbFile?: string;
  headless?: boolean;
}

/** Temporal's dev server with the namespace `default` and this project's search attributes. */
export function temporalServer(options: TemporalOptions): Component {
  const { grpc, http, ui, metrics } = options.ports;
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', `${grpc}`, '--http-port', `${http}`];
  args.push('--metrics-port', `${metrics}`, '--log-level', 'warn', '--log-format', 'json', '--namespace', 'default');
  args.push(...(options.headless ? ['--headless'] : ['--ui-port', `${ui}`, '--ui-disable-news-fetch']));
  for (const value of [...DYNAMIC_CONFIG, ...ONE_PARTITION]) args.push('--dynamic-config-value', value);
  for (const name of attributeNames) args.push('--search-attribute', `${name}=Keyword`);
  if (options.dbFile) {
    args.push('--db-filename', options.dbFile);
    for (const pragma of PRAGMAS) args.push('--sqlite-pragma', pragma);
  }
  return {
    name: 'temporal',
    command: options.binary,
    args,
    env: {},
    port: grpc,
    // The attributes are registered last, so they also say that workflows can be started.
    ready: {
      url: `http://127.0.0.1:${http}/api/v1/namespaces/default/search-attributes`,
      contains: attributeNames.at(-1) ?? '',
    },
  };
}
