/** Why the node that aggregates tries again, told to the job. */
import type { AggregatorListener, AggregatorNews } from '../../contracts.ts';
import type { EntitySignaller } from '../../lib/signaller.ts';
import { News } from './news.ts';

interface Teller {
  node: string;
  signaller: EntitySignaller;
}

/** One try; whoever is not heard says it again with the next attempt that speaks. */
export async function tellAggregation(
  { node, signaller }: Teller,
  listener: AggregatorListener | undefined,
  { round, problem }: Pick<AggregatorNews, 'round' | 'problem'>,
): Promise<void> {
  if (listener === undefined) return;
  const news = new News<AggregatorNews>(signaller, listener);
  const { generation } = listener;
  const by = generation === undefined ? {} : { generation };
  news.tell({ round, node, ...by, ...(problem === undefined ? {} : { problem }) });
  await news.flush();
  news.close();
}
