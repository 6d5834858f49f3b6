/** What the statuses of objects say, as Prometheus gauges. Series of an object go when it does. */
import type { Client } from '@temporalio/client';
import { Gauge, type Registry } from 'prom-client';
import { listEntities, viewEntity } from '../../activities/lib/entities.ts';
import type { EntityRef } from '../../workflows/lib/ids.ts';
import { logger } from './log.ts';

interface StageCondition {
  type: string;
  status: string;
  stage?: string;
}

interface ObservedStatus {
  phase?: string;
  /** Of a federated job "3/10". */
  round?: number | string;
  /** Of a federated job: updates that must not count, by reason. */
  refusals?: Record<string, number>;
  numberOfSamples?: number;
  usedSamples?: number;
  newSamples?: number;
  trainSamples?: number;
  conditions?: StageCondition[];
  waitingFor?: { reason: string; since: string } | null;
  /** Metrics of a federated job are numbers by name. */
  lastRound?: { deployed?: boolean; metrics?: Record<string, Record<string, number[]> | number> };
  versions?: { stage: string }[];
}

const object = ['kind', 'namespace', 'name'] as const;

const definitions = {
  sedna_object_phase: ['1 for the present phase of an object', ['phase']],
  sedna_object_condition: ['1 if the roll-up condition is True', ['type']],
  sedna_object_waiting_since_seconds: ['Since when an object waits for its present reason (Unix time)', ['reason']],
  sedna_job_stage: ['1 for the present stage of a job and its state', ['stage', 'state']],
  sedna_job_round: ['Number of the last round that was started', []],
  sedna_job_used_samples: ['Samples of the dataset that rounds have used', []],
  sedna_job_new_samples: ['Samples that no round has used yet', []],
  sedna_job_train_samples: ['New samples that would train', []],
  sedna_job_metric: [
    'Metric of the last evaluation, of the new, the deployed or the global model',
    ['metric', 'model'],
  ],
  sedna_job_refused_updates: ['Updates of federated clients that must not count', ['reason']],
  sedna_job_deployed: ['1 if the last round deployed its model', []],
  sedna_dataset_samples: ['Samples of a dataset', []],
  sedna_model_versions: ['Versions of a model by stage', ['stage']],
} as const satisfies Record<string, [help: string, labels: readonly string[]]>;

type Name = keyof typeof definitions;

export class ObjectMetrics {
  readonly #gauges: Record<Name, Gauge>;
  /** Series of each object, so that what no longer holds can be taken away. */
  readonly #series = new Map<string, [Name, Record<string, string>][]>();

  constructor(registry: Registry) {
    const gauge = (name: Name): Gauge => {
      const [help, labels] = definitions[name];
      return new Gauge({ name, help, labelNames: [...object, ...labels], registers: [registry] });
    };
    const names = Object.keys(definitions) as Name[];
    this.#gauges = Object.fromEntries(names.map((name) => [name, gauge(name)])) as Record<Name, Gauge>;
  }

  observe(ref: EntityRef, status: unknown): void {
    this.forget(ref);
    const labels = { kind: ref.kind, namespace: ref.namespace, name: ref.name };
    const series: [Name, Record<string, string>][] = [];
    for (const [name, value, more = {}] of values(status ?? {})) {
      if (value === undefined || !Number.isFinite(value)) continue;
      const all = { ...labels, ...more };
      this.#gauges[name].set(all, value);
      series.push([name, all]);
    }
    this.#series.set(key(ref), series);
  }

  forget(ref: EntityRef): void {
    for (const [name, labels] of this.#series.get(key(ref)) ?? []) this.#gauges[name].remove(labels);
    this.#series.delete(key(ref));
  }
}

/** How often entities are asked at most, however often somebody scrapes. */
const askMs = 10_000;

/** Without Kubernetes nobody shows us the objects: their entities are asked when somebody wants to know. */
export function observeEntities(client: Client, metrics: ObjectMetrics): () => Promise<void> {
  let known: EntityRef[] = [];
  let askedAt = 0;
  return async () => {
    if (Date.now() - askedAt < askMs) return;
    askedAt = Date.now();
    for (const ref of known) metrics.forget(ref);
    known = await listEntities(client);
    // One that cannot answer is missing from the page; the others are not.
    const views = await Promise.allSettled(known.map((ref) => viewEntity(client, ref)));
    for (const [i, view] of views.entries()) {
      const ref = known[i];
      if (view.status === 'rejected') logger.warn({ ref, err: view.reason as Error }, 'does not say how it is');
      else if (ref && view.value?.exists) metrics.observe(ref, view.value.status);
    }
  };
}

function key({ kind, namespace, name }: EntityRef): string {
  return `${kind}/${namespace}/${name}`;
}

type Value = [name: Name, value: number | undefined, labels?: Record<string, string>];

function values(status: ObservedStatus): Value[] {
  const { phase, conditions = [], waitingFor, versions } = status;
  const found: Value[] = [
    ['sedna_job_round', typeof status.round === 'string' ? Number.parseInt(status.round, 10) : status.round],
    ['sedna_job_used_samples', status.usedSamples],
    ['sedna_job_new_samples', status.newSamples],
    ['sedna_job_train_samples', status.trainSamples],
    ['sedna_dataset_samples', status.numberOfSamples],
    ...jobMetrics(status.lastRound),
  ];
  for (const [reason, count] of Object.entries(status.refusals ?? {})) {
    found.push(['sedna_job_refused_updates', count, { reason }]);
  }
  if (phase !== undefined) found.push(['sedna_object_phase', 1, { phase }]);
  if (waitingFor) {
    found.push([
      'sedna_object_waiting_since_seconds',
      Date.parse(waitingFor.since) / 1_000,
      { reason: waitingFor.reason },
    ]);
  }
  for (const { type, status: holds, stage } of conditions) {
    if (stage === undefined) found.push(['sedna_object_condition', holds === 'True' ? 1 : 0, { type }]);
  }
  const last = conditions.at(-1);
  if (last?.stage !== undefined) found.push(['sedna_job_stage', 1, { stage: last.stage, state: last.type }]);
  for (const stage of versions === undefined ? [] : ['candidate', 'live', 'retired']) {
    found.push(['sedna_model_versions', versions?.filter((version) => version.stage === stage).length, { stage }]);
  }
  return found;
}

function jobMetrics(lastRound: ObservedStatus['lastRound']): Value[] {
  if (lastRound === undefined) return [];
  const { deployed, metrics = {} } = lastRound;
  const found: Value[] = deployed === undefined ? [] : [['sedna_job_deployed', deployed ? 1 : 0]];
  for (const [metric, value] of Object.entries(metrics)) {
    if (typeof value === 'number') found.push(['sedna_job_metric', value, { metric, model: 'global' }]);
  }
  for (const [of, model] of [
    ['fresh', 'new'],
    ['deployed', 'deployed'],
  ] as const) {
    const lists = metrics[of];
    for (const [metric, list] of typeof lists === 'object' ? Object.entries(lists) : []) {
      found.push(['sedna_job_metric', list.at(-1), { metric, model }]);
    }
  }
  return found;
}
