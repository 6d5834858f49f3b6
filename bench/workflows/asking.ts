/** Workflows of benchmark p2: the two ways in which a round may ask its clients, with nothing else around them. */
import { condition, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type { Answer, AskingActivities, Asked } from '../p2/asking.ts';

const answered = defineSignal<[Answer]>('answered');

/** Resolves to the milliseconds of each round. */
async function timed(rounds: number, round: (number: number) => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let number = 1; number <= rounds; number++) {
    const began = Date.now();
    await round(number);
    times.push(Date.now() - began);
  }
  return times;
}

function on(queue: string): AskingActivities {
  return proxyActivities<AskingActivities>({ taskQueue: queue, startToCloseTimeout: '60s' });
}

/** An activity for each client and round. */
export async function askedByActivities({ queues, clients, rounds }: Asked): Promise<number[]> {
  return timed(rounds, async (round) => {
    const asked = clients.map((client, i) => on(queues[i % queues.length] as string).answer({ client, round }));
    await Promise.all(asked);
  });
}

/** A short activity for each node and round; each client that stays on it answers by a signal. */
export async function askedBySignals({ queues, clients, rounds }: Asked): Promise<number[]> {
  let answers: Answer[] = [];
  setHandler(answered, (answer) => void answers.push(answer));
  return timed(rounds, async (round) => {
    answers = answers.filter((answer) => answer.round >= round);
    const shares = queues.map((queue, node) => ({
      queue,
      share: clients.filter((_, i) => i % queues.length === node),
    }));
    await Promise.all(shares.map(({ queue, share }) => on(queue).announce({ clients: share, round })));
    await condition(() => answers.length === clients.length);
  });
}
