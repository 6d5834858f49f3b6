/** What it costs to ask the clients of a round: an activity for each, or one for each node and a signal for each answer. ADR 17. */
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { controlQueue } from '../../workflows/lib/ids.ts';
import type { Case } from '../lib/case.ts';
import { median, ratioInterval } from '../lib/statistics.ts';
import { BenchTemporal, bundle } from '../lib/temporal.ts';

export interface Answer {
  client: string;
  round: number;
  /** As long as what a real answer says. */
  update: string;
}

export interface AskingActivities {
  answer(asked: { client: string; round: number }): Promise<Answer>;
  announce(asked: { clients: string[]; round: number }): Promise<void>;
}

export interface Asked {
  /** Of the nodes; clients are dealt out to them. */
  queues: string[];
  clients: string[];
  rounds: number;
}

interface Sizes {
  /** How many nodes, and clients on all of them. */
  places: { nodes: number; k: number }[];
  rounds: number;
}

/** The peer is the other way: a ratio below 1 speaks for activities. */
export async function asking({ places, rounds }: Sizes): Promise<Case[]> {
  const workflowBundle = await bundle(fileURLToPath(new URL('../workflows/index.ts', import.meta.url)));
  const temporal = await BenchTemporal.start();
  try {
    const activities = activitiesOf(temporal);
    await temporal.control({ taskQueue: controlQueue, workflowBundle });
    const queues = Array.from({ length: Math.max(...places.map(({ nodes }) => nodes)) }, (_, i) => `edge/asked-${i}`);
    for (const taskQueue of queues) await temporal.node({ taskQueue, activities: { ...activities } });
    const cases: Case[] = [];
    for (const { nodes, k } of places) {
      const asked = { queues: queues.slice(0, nodes), clients: clientsOf(k), rounds };
      cases.push(await compare(temporal, asked));
    }
    return cases;
  } finally {
    await temporal.close();
  }
}

function activitiesOf(temporal: BenchTemporal): AskingActivities {
  const update = 'u'.repeat(300);
  return {
    answer: async ({ client, round }) => ({ client, round, update }),
    async announce({ clients, round }) {
      const { workflowId } = Context.current().info.workflowExecution ?? { workflowId: '' };
      const job = temporal.client.workflow.getHandle(workflowId);
      await Promise.all(clients.map((client) => job.signal('answered', { client, round, update } satisfies Answer)));
    },
  };
}

const clientsOf = (k: number): string[] => Array.from({ length: k }, (_, i) => String(i).padStart(3, '0'));

/** ABAB. The first of each warms up. */
async function compare(temporal: BenchTemporal, asked: Asked): Promise<Case> {
  const times: [number[], number[]] = [[], []];
  for (let pair = 0; pair < 4; pair++) {
    for (const [side, workflow] of (['askedByActivities', 'askedBySignals'] as const).entries()) {
      const workflowId = `${workflow}/${asked.queues.length}/${asked.clients.length}/${pair}`;
      const options = { workflowId, taskQueue: controlQueue, args: [asked] };
      const found = (await temporal.client.workflow.execute(workflow, options)) as number[];
      if (pair > 0) times[side]?.push(...found);
    }
  }
  const [ours, theirs] = times;
  return {
    name: `asking clients on ${asked.queues.length} nodes: activities (peer: signals)`,
    clients: asked.clients.length,
    value: median(ours),
    unit: 'ms',
    peer: median(theirs),
    ratioToPeer: median(ours) / median(theirs),
    interval: ratioInterval(ours, theirs),
  };
}
