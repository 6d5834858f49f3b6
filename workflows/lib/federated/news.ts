/** What a federated run tells its job and its Model. Pure. */
import type { Owner } from '../ids.ts';
import type { ModelVersion, VersionStage } from '../messages.ts';
import { answered, atWork as atWorkOn, waitingForBuffer } from './buffer.ts';
import { atWork, standIns } from './late.ts';
import { listed } from './listing.ts';
import { neededClients, waitingFor } from './quorum.ts';
import { countByReason } from './refusals.ts';
import type {
  LateRefusal,
  LateUpdate,
  OpenRound,
  PoorChoice,
  Refusal,
  RoundRecord,
  RunNews,
  RunPlan,
  RunState,
  WaitingRun,
} from './state.ts';

const longestMessage = 500;

interface RunView extends Pick<RunNews, 'epoch' | 'run' | 'sequence' | 'stage'> {
  plan: RunPlan;
  open: OpenRound | undefined;
  starting: WaitingRun | undefined;
  node: string | undefined;
  late: LateUpdate[];
  buffer: LateUpdate[];
  /** Of finished rounds. */
  records: RoundRecord[];
  /** Rounds of which the job knows. */
  told: number;
  initial: RunState['initial'];
  aggregator: RunState['aggregator'];
  /** Of the strategy. */
  minUpdates: number;
  /** Why no round is opened, though enough clients are there. */
  poor: PoorChoice | undefined;
  refusals: RunState['refusals'];
  refusedLate: LateRefusal[];
  isFinished: boolean;
  now: number;
}

export function newsOf({
  plan,
  open,
  starting,
  node,
  late,
  buffer,
  records,
  told,
  initial,
  aggregator,
  minUpdates,
  poor,
  refusals,
  refusedLate,
  isFinished,
  now,
  ...head
}: RunView): RunNews {
  const last = records.at(-1);
  // The last one always: a job that takes over the run of one that was terminated has heard of none.
  const fresh = records.filter((record) => record.round > told || record === last);
  const all = countByReason(refusals, open?.refused ?? []);
  const waiting = starting ?? waitingOf({ plan, open, buffer, last, minUpdates, poor, isFinished, now });
  const credited = open === undefined ? [] : standIns(open).map(({ client }) => client);
  const busy = atWork(late).map(({ client, round }) => ({ client, round }));
  return {
    ...head,
    round: open?.round ?? last?.round ?? 0,
    selected: open?.selected ?? [],
    accepted: acceptedOf(open, buffer),
    refused: open?.refused.map(shortened) ?? [],
    ...(open?.minUpdates === undefined ? {} : { minUpdates: open.minUpdates }),
    ...(refusedLate.length === 0 ? {} : { refusedLate: refusedLate.map(shortened) }),
    ...(Object.keys(all).length === 0 ? {} : { refusals: all }),
    ...(credited.length === 0 ? {} : { credited }),
    ...(busy.length === 0 ? {} : { late: busy }),
    ...(open?.buffer === undefined ? {} : { buffer: { size: open.buffer.size, atWork: tasksOf(buffer) } }),
    ...(open?.deadlineAt === undefined ? {} : { deadline: new Date(open.deadlineAt).toISOString() }),
    ...(node === undefined ? {} : { node }),
    ...(waiting === undefined ? {} : { waitingFor: waiting }),
    ...(fresh.length === 0 ? {} : { records: fresh }),
    ...(initial === undefined ? {} : { initial }),
    ...(aggregator === undefined ? {} : { aggregator }),
  };
}

/** Of hundreds of clients that each have much to say, one signal must hold all. */
function shortened<R extends Refusal>({ problem, ...of }: R): R {
  const { reason, message } = problem;
  const short = message.length <= longestMessage ? message : `${message.slice(0, longestMessage)} …`;
  return { ...of, problem: { reason, message: short } } as R;
}

function waitingOf(
  view: Pick<RunView, 'plan' | 'open' | 'buffer' | 'minUpdates' | 'poor' | 'isFinished' | 'now'> & {
    last: RoundRecord | undefined;
  },
): WaitingRun | undefined {
  const { plan, open, buffer, last, minUpdates, poor, isFinished, now } = view;
  if (open === undefined) {
    if (poor !== undefined) return waitingForChoice(plan, (last?.round ?? 0) + 1, poor);
    return isFinished ? undefined : waitingForClients(plan, last?.round ?? 0, minUpdates);
  }
  if (open.buffered !== undefined) return undefined;
  return open.buffer === undefined
    ? waitingFor(open, plan.fields.rounds, now)
    : waitingForBuffer(open, buffer, open.selected);
}

/** Of a buffer each update, also where two are of the same client. */
function acceptedOf(open: OpenRound | undefined, buffer: LateUpdate[]): string[] {
  if (open?.buffer === undefined || open.buffered !== undefined) {
    return open?.accepted.map(({ client }) => client) ?? [];
  }
  return answered(buffer).map(({ client }) => client);
}

function tasksOf(buffer: LateUpdate[]): { client: string; round: number }[] {
  return atWorkOn(buffer).map(({ client, round }) => ({ client, round }));
}

/** Between two rounds: who is missing, if fewer are there than the next one needs. */
function waitingForClients(plan: RunPlan, finished: number, minUpdates: number): WaitingRun | undefined {
  const { clients } = plan;
  const missing = clients.filter(({ place }) => place === undefined);
  const need = neededClients(plan, finished, minUpdates);
  const have = clients.length - missing.length;
  if (have >= need) return undefined;
  const names = missing.map(({ client, problem }) => `client ${client}: ${problem?.message ?? 'not known yet'}`);
  return {
    reason: 'TooFewClients',
    message: `${have} of ${need} clients are there; ${listed(names, '; ')}`,
    have,
    need,
    missing: missing.map(({ client }) => client),
  };
}

function waitingForChoice({ clients, fields }: RunPlan, round: number, { selected, need }: PoorChoice): WaitingRun {
  const whom = selected.length === 0 ? 'nobody' : `${listed(selected, ', ')} alone`;
  return {
    reason: 'TooFewClients',
    message:
      `round ${round}: spec.clientSelection: ${fields.selection.strategy} chooses ${whom} of the clients that are there, ${need} needed; ` +
      'it chooses again when one comes, has other labels, or the job is edited',
    have: selected.length,
    need,
    missing: clients.filter(({ place }) => place === undefined).map(({ client }) => client),
  };
}

/** What is known of the model that a round has made, not of the one that it started from. */
function metricsOf({ metrics, ofBefore = [], judged = {} }: RoundRecord): ModelVersion['metrics'] {
  const own = Object.entries(metrics).filter(([name]) => !ofBefore.includes(name));
  return Object.fromEntries([...Object.entries(judged), ...own].map(([name, value]) => [name, [value]]));
}

/** The model of a round as its Model lists it. */
export function versionOf(owner: Owner, plan: RunPlan, record: RoundRecord, stage: VersionStage): ModelVersion {
  return {
    ...(record.file ?? record.weights),
    format: record.file === undefined ? 'safetensors' : plan.model.format,
    stage,
    metrics: metricsOf(record),
    lineage: {
      job: `${owner.namespace}/${owner.name}`,
      round: record.round,
      samples: record.samples,
      dataset: plan.fields.clients.map(({ dataset }) => dataset).join(','),
    },
    createdAt: record.time,
  };
}
