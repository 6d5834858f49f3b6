/** Collecting for a strategy with a buffer: whoever is idle is asked, until the buffer is full. */
import { condition } from '@temporalio/workflow';
import type { TrainClientResult } from '../../../activities/contracts.ts';
import { answered, idle, ofClients, tooStale, turnOf } from './buffer.ts';
import type { BufferTasks } from './buffer-tasks.ts';
import { present } from './choosing.ts';
import { askClient } from './inviting.ts';
import { isEvaluated, type Collecting, type RoundStart } from './round.ts';
import { settingsOf } from './settings.ts';
import type { LateUpdate, OpenRound, RunPlan } from './state.ts';
import { commonOf, trainerAt } from './trainers.ts';

/** A workflow may have 2,000 activities pending. Where there are more clients, the others are asked as these answer. */
const tasksAtOnce = 1_500;

interface Buffering extends Omit<Collecting, 'late' | 'asking'> {
  buffer: BufferTasks;
  /** The job as it is wanted now: of the same generation, it may know of more clients. */
  latest: () => RunPlan;
}

/** Until the round may close, or somebody stops the job (false): what is in the buffer stays there, tasks under way are taken back. */
export async function fillBuffer(start: RoundStart, round: OpenRound, on: Buffering): Promise<boolean> {
  const { buffer, changed, isStopped } = on;
  const { size } = round.buffer ?? { size: 1 };
  const known = (): RunPlan => clientsOf(start.plan, on.latest());
  forget(round, buffer, known());
  for (;;) {
    if (buffer.broken !== undefined) throw buffer.broken;
    if (answered(buffer.entries).length >= size) {
      round.buffered = buffer.take(size);
      round.accepted = round.buffered.flatMap(({ update }) => update ?? []);
      return true;
    }
    if (isStopped()) {
      buffer.rest();
      return false;
    }
    const plan = known();
    round.selected = admitted(round, plan);
    const room = Math.max(0, tasksAtOnce - buffer.entries.length);
    const entries = idle(round.selected, buffer.entries, round)
      .slice(0, room)
      .map((client) => entryFor(start, round, client, buffer));
    for (const entry of [...buffer.unattended, ...entries]) buffer.ask(entry, (one) => ask({ ...start, plan }, one));
    if (entries.length > 0) changed();
    const [asked, clients] = [buffer.entries, on.latest()];
    const refused = round.refused;
    await condition(
      () =>
        buffer.broken !== undefined ||
        isStopped() ||
        buffer.entries !== asked ||
        round.refused !== refused ||
        on.latest() !== clients,
    );
  }
}

/** What can count no more: too old, or of a client that is another one now. */
function forget(round: OpenRound, buffer: BufferTasks, { clients }: RunPlan): void {
  const stale = tooStale(buffer.entries, round);
  const theirs = ofClients(buffer.entries, clients);
  buffer.drop(buffer.entries.filter((entry) => stale.includes(entry) || !theirs.includes(entry)));
  if (stale.length > 0) round.discarded = stale.map(({ client, round: of }) => ({ client, round: of }));
}

/** A round has the fields that it began with, and every client that comes while it is open. */
function clientsOf(plan: RunPlan, latest: RunPlan): RunPlan {
  return latest.generation === plan.generation ? { ...plan, clients: latest.clients } : plan;
}

function admitted({ selected }: OpenRound, plan: RunPlan): string[] {
  const { strategy, perRound } = plan.fields.selection;
  const there = present(plan);
  if (strategy === 'All' && perRound === undefined) return there;
  return selected.filter((client) => there.includes(client));
}

function entryFor(
  { plan, model }: RoundStart,
  { round }: OpenRound,
  client: string,
  { entries }: BufferTasks,
): LateUpdate {
  const dataset = plan.fields.clients[Number(client)]?.dataset ?? '';
  const turn = turnOf(client, entries, round);
  return {
    ...{ client, dataset, round, base: model.weights, settings: settingsOf(plan.fields, round) },
    ...(turn === 0 ? {} : { turn }),
  };
}

async function ask(run: RoundStart, entry: LateUpdate): Promise<TrainClientResult> {
  const { client, round, turn = 0, base: weights, settings } = entry;
  const trainer = trainerAt(run.plan, client);
  if (trainer === undefined) {
    return { refused: { reason: 'NodeUnknown', message: 'it is not there any more' }, client, node: '' };
  }
  // Of the weights that a round starts from, each client's word once.
  const evaluate = turn === 0 && isEvaluated(run.plan, round);
  const work = { task: 'Train', weights, settings, evaluate } as const;
  return askClient({ common: commonOf(run), round, work }, trainer, turn);
}
