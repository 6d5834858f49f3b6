import { expect, test } from '@jest/globals';
import { Inbox } from '../../../../workers/lib/gateway/inbox.ts';

/** A byte of each piece that the network hands over would otherwise keep the whole piece in memory: 4 GiB for a message of 64 KiB. */
test('what is held of a message is a copy', async () => {
  const heard: string[] = [];
  const inbox = new Inbox(
    { subscribe: async (id) => void heard.push(id), upload: () => undefined },
    { directory: '/nowhere', replyBytes: 1, signal: new AbortController().signal },
  );
  const piece = Buffer.alloc(1);
  for (const byte of Buffer.from(JSON.stringify({ type: 'subscribe', client_id: 'w'.repeat(2_000) }))) {
    piece[0] = byte;
    await inbox.data(piece);
  }
  await inbox.end();
  expect(heard).toEqual(['w'.repeat(2_000)]);
});
