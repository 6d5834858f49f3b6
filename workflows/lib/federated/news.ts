/** What a federated run tells its job and its Model. Pure. */
import type { Owner } from '../ids.ts';
import type { ModelVersion, VersionStage } from '../messages.ts';
import { atWork, standIns } from './late.ts';
import { startingClients, waitingFor } from './quorum.ts';
import type { LateUpdate, OpenRound, RoundRecord, RunNews, RunPlan, RunState, WaitingRun } from './state.ts';

interface RunView extends Pick<RunNews, 'epoch' | 'run' | 'sequence' | 'stage'> {
  plan: RunPlan;
  open: OpenRound | undefined;
  late: LateUpdate[];
  last: RoundRecord | undefined;
  initial: RunState['initial'];
  isFinished: boolean;
  now: number;
}

export function newsOf({ plan, open, late, last, initial, isFinished, now, ...head }: RunView): RunNews {
  const waiting = open === undefined ? waitingForClients(plan, isFinished) : waitingFor(open, plan.fields.rounds, now);
  const credited = open === undefined ? [] : standIns(open).map(({ client }) => client);
  const busy = atWork(late).map(({ client, round }) => ({ client, round }));
  return {
    ...head,
    round: open?.round ?? last?.round ?? 0,
    selected: open?.selected ?? [],
    accepted: open?.accepted.map(({ client }) => client) ?? [],
    refused: open?.refused ?? [],
    ...(credited.length === 0 ? {} : { credited }),
    ...(busy.length === 0 ? {} : { late: busy }),
    ...(open?.deadlineAt === undefined ? {} : { deadline: new Date(open.deadlineAt).toISOString() }),
    ...(waiting === undefined ? {} : { waitingFor: waiting }),
    ...(last === undefined ? {} : { last }),
    ...(initial === undefined ? {} : { initial }),
  };
}

/** Between two rounds: who is missing, if fewer are there than the next one needs. */
function waitingForClients({ clients, fields }: RunPlan, isFinished: boolean): WaitingRun | undefined {
  const missing = clients.filter(({ place }) => place === undefined);
  const need = startingClients(clients.length, fields.rounds);
  const have = clients.length - missing.length;
  if (isFinished || have >= need) return undefined;
  const why = missing.map(({ client, problem }) => `client ${client}: ${problem?.message ?? 'not known yet'}`);
  return {
    reason: 'TooFewClients',
    message: `${have} of ${need} clients are there; ${why.join('; ')}`,
    have,
    need,
    missing: missing.map(({ client }) => client),
  };
}

/** The model of a round as its Model lists it. */
export function versionOf(owner: Owner, plan: RunPlan, record: RoundRecord, stage: VersionStage): ModelVersion {
  return {
    ...(record.file ?? record.weights),
    format: record.file === undefined ? 'safetensors' : plan.model.format,
    stage,
    metrics: Object.fromEntries(Object.entries(record.metrics).map(([name, value]) => [name, [value]])),
    lineage: {
      job: `${owner.namespace}/${owner.name}`,
      round: record.round,
      samples: record.samples,
      dataset: plan.fields.clients.map(({ dataset }) => dataset).join(','),
    },
    createdAt: record.time,
  };
}
