import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { FederatedNode, newPlace } from '../support/federated-node.ts';

let node: FederatedNode;
beforeEach(async () => {
  node = await new FederatedNode(await newPlace()).start();
});
afterEach(() => node.close());

test('a round of one client: its update is a blob, and the worker stays for the next round', async () => {
  const input = await node.input({ evaluate: true });
  const result = await node.train(input);
  expect(result).toMatchObject({
    accepted: { client: '00', node: 'edge-1', samples: 200, metrics: { loss: expect.any(Number) as unknown } },
  });
  expect(node.news.map(({ state }) => state)).toEqual(['Starting', 'Training']);
});
