/** Two of eight clients go away in some round and come back some rounds later. Meanwhile every round closes at its deadline with the other six. */
import { hasReached } from '../inject.ts';
import { runHistories } from '../history.ts';
import type { Story } from '../story.ts';
import { CpuLog } from '../../lib/machine.ts';
import type { Scenario } from './scenario.ts';

const rounds = 10;
const deadlineMs = 4_000;
/** After its deadline a round is closed within so long. */
const closesMs = 1_000;
const edge = 'edge-3';
const gone = ['06', '07'];
const boundMs = 240_000;

export const twoGone: Scenario = {
  // Who comes back in which moment depends on the machine.
  isOpen: true,
  async play(story) {
    const { world, watcher, draw } = story;
    const backIn = Math.min(rounds, draw.round + draw.awayRounds);
    await story.apply({
      rounds: { total: rounds, deadline: `${deadlineMs / 1_000}s`, quorum: { minAvailable: 5 } },
    });
    await watcher.until((status) => hasReached(status, draw.round, draw.point), boundMs);
    const cpu = new CpuLog(() => ['gm', 'temporal'].flatMap((name) => world.processes(name)).map(({ pid }) => pid));
    const from = Date.now();
    const back = leave(story);
    story.did(`round ${draw.round}: clients ${gone.join(' and ')} are away (${draw.absence})`);
    await watcher.until(({ lastRound }) => (lastRound?.round ?? 0) >= backIn, boundMs);
    const to = Date.now();
    back();
    story.did('they are back');
    const status = await story.ended();
    cpu.stop();
    await closings(story, { from, to, cpu });
    return status;
  },
};

/** Takes two clients away; how they come back. */
function leave({ world, draw }: Story): () => void {
  const trainers = gone.map((client) => `trainer-${Number(client)}`);
  const signal = (names: string[], name: NodeJS.Signals): void => names.forEach((who) => void world.signal(who, name));
  switch (draw.absence) {
    case 'dead':
      world.kept[edge]?.hold();
      signal(trainers, 'SIGKILL');
      return () => world.kept[edge]?.release();
    case 'unreachable':
      world.link(edge).set('hang');
      return () => world.link(edge).set('pass');
    case 'frozen':
      signal([edge, ...trainers], 'SIGSTOP');
      return () => signal([edge, ...trainers], 'SIGCONT');
    case 'stuck trainers':
      signal(trainers, 'SIGSTOP');
      return () => signal(trainers, 'SIGCONT');
  }
}

/** Of the rounds that were opened while they were away: by history, not by what anybody says. */
async function closings(story: Story, { from, to, cpu }: { from: number; to: number; cpu: CpuLog }): Promise<void> {
  const { trainings = [], aggregations = [] } = (await runHistories(story.world.client)).at(-1) ?? {};
  const late: number[] = [];
  for (const { input, scheduledAt } of aggregations) {
    const opened = Math.min(
      ...trainings.filter(({ input: { identity } }) => identity.round === input.round).map((step) => step.scheduledAt),
    );
    if (opened < from || scheduledAt > to) continue;
    const deadline = opened + deadlineMs;
    const over = Math.round(scheduledAt - deadline);
    late.push(over);
    // On a machine with more to do than CPUs, what manager and server waited for their turn is taken off.
    if (over - cpu.between(deadline, scheduledAt) > closesMs)
      story.violations.push(`round ${input.round} was closed ${over} ms after its deadline`);
    const there = input.updates.map(({ client }) => client).filter((client) => gone.includes(client));
    if (there.length > 0) story.violations.push(`round ${input.round} counts ${there.join()}, who were away`);
  }
  if (late.length === 0) story.violations.push('no round was opened and closed while two clients were away');
  story.did(`rounds without them were closed ${late.join(', ')} ms after their deadline`);
}
