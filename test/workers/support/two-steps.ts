/** A workflow whose commands depend on whether two events come in one step or in two. */
import { condition, defineQuery, defineSignal, proxyActivities, setHandler, upsertMemo } from '@temporalio/workflow';

interface ByHand {
  work(): Promise<string>;
  answer(news: string): Promise<string>;
}

export async function twoSteps(queue: string): Promise<string[]> {
  const { work, answer } = proxyActivities<ByHand>({ taskQueue: queue, startToCloseTimeout: '1 hour' });
  const seen: string[] = [];
  setHandler(defineQuery('seen'), () => seen);
  setHandler(defineSignal<[string]>('news'), (news) => {
    seen.push(news);
    if (news !== 'end') void answer(news);
  });
  void work().then(() => {
    seen.push('work');
    upsertMemo({ worked: true });
  });
  await condition(() => seen.includes('end'));
  return seen;
}
