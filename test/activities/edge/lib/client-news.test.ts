import { expect, test } from '@jest/globals';
import { ClientTeller } from '../../../../activities/edge/lib/client-news.ts';
import type { ClientNews, TrainClientInput } from '../../../../activities/contracts.ts';
import { eventually } from '../../../support/eventually.ts';

const problem = { reason: 'WorkerFailed', message: 'exit code 1' };

function teller(quiet?: true) {
  const told: ClientNews[] = [];
  const signaller = {
    observed: async (_: string, { value }: { value?: unknown }) => void told.push(value as ClientNews),
    runs: async () => true,
  };
  const input = {
    identity: { run: 'r', round: 1, client: '0001' },
    listener: { workflowId: 'job', uid: 'u', slot: 'client' },
    ...(quiet === undefined ? {} : { quiet }),
  } as TrainClientInput;
  const made = new ClientTeller(signaller, input, { node: 'edge-1', before: undefined, attempt: 1 });
  return { told, teller: made };
}

test('a client tells that it trains', async () => {
  const { told, teller: one } = teller();
  one.training();
  await eventually(() => expect(told).toMatchObject([{ client: '0001', state: 'Training' }]));
  one.close();
});

test('one of thousands tells only trouble, and its end', async () => {
  const [loud, { told, teller: quiet }] = [teller(), teller(true)];
  for (const one of [loud.teller, quiet]) one.training();
  // What the other has told by now, this one would have told as well.
  await eventually(() => expect(loud.told).toHaveLength(1));
  expect(told).toEqual([]);
  quiet.retrying(problem);
  await eventually(() => expect(told).toMatchObject([{ state: 'Retrying', problem }]));
  quiet.training();
  await eventually(() => expect(told).toHaveLength(2));
  expect(told[1]).toEqual({ client: '0001', round: 1, node: 'edge-1', state: 'Training' });
  for (const one of [loud.teller, quiet]) one.close();
});
