import type { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { leanWorkflows } from '../../workers/lib/lean-workflows.ts';
import type { Case } from '../lib/case.ts';
import { median, ratioInterval } from '../lib/statistics.ts';
import type { BenchTemporal } from '../lib/temporal.ts';
import type { Bare, Framed, Side } from './frame.ts';

/** Of one message: signal, two workflow tasks, activity; the frame has two phases as well. */
const eventsPerMessage = { framed: 12, bare: 10 };
const boundMs = 200;

interface Sizes {
  replays: number;
  events: number;
}

/**
 * How long an entity with a long history needs to come back to memory, per history, in a worker that has loaded its code. The peer
 * is a bare workflow with as many events.
 */
export async function replay(
  temporal: BenchTemporal,
  { framed, bare }: { framed: Framed; bare: Bare },
  workflowBundle: { code: string },
  sizes: Sizes,
): Promise<Case> {
  await framed.first('long');
  await bare.begin('long');
  const histories = [
    await lengthened(temporal.client, framed, sizes.events / eventsPerMessage.framed),
    await lengthened(temporal.client, bare, sizes.events / eventsPerMessage.bare),
  ] as const;
  const [ours, peers] = await timesOf(workflowBundle, histories, sizes.replays);
  return {
    name: 'replay of a history',
    n: histories[0].events?.length ?? 0,
    value: median(ours),
    unit: 'ms',
    peer: median(peers),
    ratioToPeer: median(ours) / median(peers),
    interval: ratioInterval(ours, peers),
    goal: { atMost: boundMs },
  };
}

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;

/** Below the length at which the server suggests continue-as-new (4,096). */
async function lengthened(client: Client, side: Side, messages: number): Promise<History> {
  for (let i = 0; i < messages; i++) await side.next('long');
  return client.workflow.getHandle(side.id('long')).fetchHistory();
}

/** Ours and the peer's in turn, as in a global manager. */
async function timesOf(
  workflowBundle: { code: string },
  histories: readonly [History, History],
  replays: number,
): Promise<[number[], number[]]> {
  const turns = Array.from({ length: 2 * (replays + 1) }, (_, i) => ({
    workflowId: `replay-${i}`,
    history: histories[i % 2],
  }));
  const times: number[] = [];
  let before = performance.now();
  for await (const { error } of Worker.runReplayHistories({ workflowBundle, ...leanWorkflows() }, turns)) {
    if (error !== undefined) throw error;
    times.push(performance.now() - before);
    before = performance.now();
  }
  // The first of each loads its code.
  const of = (side: number): number[] => times.slice(2).filter((_, i) => i % 2 === side);
  return [of(0), of(1)];
}
