/** Replicas behind a front, without a workflow: what a local controller does when one gets ready, ends, or is let go. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { eventually } from '../../../support/eventually.ts';
import { ProcessNode, type Script } from '../../../activities/support/process-node.ts';

const owner = { kind: 'JointInferenceService', namespace: 'default', name: 's', uid: 'u-1' };
const front = 's-front';
const ports = [{ containerPort: 80, name: 'http' }];

let node: ProcessNode;
beforeEach(async () => {
  node = await new ProcessNode().start();
  await ensureFront();
});
afterEach(() => node.close());

function ensureFront(): Promise<void> {
  return node.runtime.ensureFront({
    name: front,
    owner,
    ports: [{ name: 'http', containerPort: 80 }],
    http: 'http',
    bind: '127.0.0.1',
  });
}

async function replica(name: string, script: Script = 'serves'): Promise<void> {
  const serving = { role: 'edge', front };
  const worker = await node.worker(script, { name, owner, serving, stage: 'Edge' }, { ports, args: [name] });
  void node.serve(worker).catch(() => undefined);
  await eventually(() => expect(node.runtime.get(name)?.ready).toBe(true));
}

async function ask(): Promise<string> {
  const url = node.runtime.get(front)?.endpoints.find(({ name }) => name === 'http')?.url ?? '';
  const answer = await fetch(url);
  return answer.status === 200 ? ((await answer.text()).split(' ')[0] ?? '') : String(answer.status);
}

test('requests follow the replicas that are ready; one that was let go does not come back', async () => {
  await eventually(async () => expect(await ask()).toBe('503'));
  await replica('a');
  await eventually(async () => expect(await ask()).toBe('a'));
  await replica('b');
  await eventually(async () => expect(new Set([await ask(), await ask()])).toEqual(new Set(['a', 'b'])));
  await node.runtime.drain('a');
  expect(node.runtime.get('a')).toBeUndefined();
  expect([await ask(), await ask(), await ask()]).toEqual(['b', 'b', 'b']);
  await node.runtime.drain('a');
  const late = await node.worker('serves', { name: 'a', owner, serving: { role: 'edge', front }, stage: 'Edge' });
  await expect(node.serve(late)).rejects.toThrow('a was let go');
  expect(await ask()).toBe('b');
});

test('the next local controller goes on where this one ended, and the front never noticed', async () => {
  await replica('a');
  await replica('b');
  await eventually(async () => expect(new Set([await ask(), await ask()])).toEqual(new Set(['a', 'b'])));
  const pid = node.runtime.get(front)?.pid;
  let answered = 0;
  let going = true;
  const failed: string[] = [];
  const traffic = (async () => {
    while (going) {
      const answer = await ask().catch(String);
      if (answer !== 'a' && answer !== 'b') failed.push(answer);
      answered += 1;
    }
  })();
  await node.restart();
  await eventually(() => expect(node.runtime.list().filter(({ ready }) => ready)).toHaveLength(3));
  const before = answered;
  await eventually(() => expect(answered).toBeGreaterThan(before + 20));
  going = false;
  await traffic;
  expect(failed).toEqual([]);
  expect(node.runtime.get(front)?.pid).toBe(pid);
  await node.runtime.drain('b');
  expect([await ask(), await ask()]).toEqual(['a', 'a']);
});

test('how long a replica may be silent is up to the node: with another value its front starts anew', async () => {
  const pid = (): number | undefined => node.runtime.get(front)?.pid;
  const before = pid();
  await ensureFront();
  expect(pid()).toBe(before);
  node.options = { silentSeconds: 1 };
  await node.restart();
  await ensureFront();
  expect(pid()).not.toBe(before);
  await replica('m', 'mute');
  await eventually(async () => expect(await ask()).toBe('504'));
});
