import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { RawValue } from '@temporalio/common';
import { signalEntity, viewEntity } from '../../activities/lib/entities.ts';
import { entityId } from '../../workflows/lib/ids.ts';
import type { EntityView } from '../../workflows/lib/messages.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { Cluster } from './support/cluster.ts';
import { TestNamespace } from './support/namespace.ts';

const fields = { url: '/data/model.onnx', format: 'onnx', devices: [] };
const manifest = (digit: string) => ({ uri: `file:///blobs/${digit}`, sha256: digit.repeat(64), bytes: 10 });

describeTemporal('an entity', () => {
  const cluster = new Cluster();
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control(cluster);
  }, 60_000);
  afterAll(() => temporal.close());

  const model = (name: string) => ({ kind: 'Model', namespace: 'default', name });
  const generation =
    (n: number) =>
    ({ metadata, status }: EntityView) => {
      expect(metadata.generation).toBe(n);
      expect(status['observedGeneration']).toBe(n);
    };

  test('lives from apply to remove', async () => {
    const ref = model('lives');
    await temporal.apply(ref, { fields });
    const view = await temporal.view(ref, ({ status }) => expect(status).toMatchObject({ phase: 'Initial' }));
    expect(view).toMatchObject({ exists: true, metadata: { name: 'lives', namespace: 'default', generation: 1 } });
    await temporal.signal(ref, 'remove');
    await temporal.ended(ref);
    expect(await viewEntity(temporal.client, ref)).toBeUndefined();
  });

  test('standalone: counts a generation per content, keeps its uid, and is another one after remove and apply', async () => {
    const ref = model('counts');
    await temporal.apply(ref, { fields, manifest: manifest('a') });
    const first = await temporal.view(ref, generation(1));
    await temporal.apply(ref, { fields, manifest: manifest('a') });
    await temporal.apply(ref, { fields: { ...fields, format: 'pb' }, manifest: manifest('b') });
    const second = await temporal.view(ref, generation(2));
    expect(second.metadata.uid).toBe(first.metadata.uid);
    await temporal.signal(ref, 'remove');
    await temporal.apply(ref, { fields, manifest: manifest('b') });
    const third = await temporal.view(ref, generation(1));
    expect(third.metadata.uid).not.toBe(first.metadata.uid);
  });

  test('Kubernetes: only a newer generation counts, and the finalizer stays until the end', async () => {
    const ref = model('generations');
    const apply = (n: number, format: string) =>
      temporal.apply(ref, { origin: 'kubernetes', uid: 'u-gen', generation: n, fields: { ...fields, format } });
    await apply(3, 'pb');
    await apply(2, 'older');
    await apply(3, 'same');
    await apply(5, 'onnx');
    await temporal.view(ref, generation(5));
    await eventually(() => expect(cluster.status('u-gen')).toMatchObject({ observedGeneration: 5 }));
    expect(cluster.finalizers).toContain('u-gen');
    await temporal.signal(ref, 'remove', { uid: 'another' });
    await temporal.signal(ref, 'remove', { uid: 'u-gen' });
    await temporal.ended(ref);
    expect(cluster.finalizers).not.toContain('u-gen');
  });

  test('delete-and-recreate while the old object is still being torn down', async () => {
    const ref = model('recreated');
    const apply = (uid: string, n: number) => temporal.apply(ref, { origin: 'kubernetes', uid, generation: n, fields });
    await apply('u-old', 7);
    await eventually(() => expect(cluster.finalizers).toContain('u-old'));
    const go = cluster.hold();
    await temporal.signal(ref, 'remove', { uid: 'u-old' });
    await temporal.view(ref, ({ status }) => expect(status['phase']).toBe('Terminating'));
    await apply('u-new', 1);
    // A late message of the old object must not bring it back.
    await apply('u-old', 8);
    go();
    const view = await temporal.view(ref, generation(1));
    expect(view).toMatchObject({ exists: true, metadata: { uid: 'u-new' } });
    expect(cluster.released).toContain('u-old');
    await eventually(() => expect(cluster.finalizers).toContain('u-new'));
    await temporal.signal(ref, 'remove', { uid: 'u-old' });
    expect((await temporal.view(ref)).exists).toBe(true);
    await temporal.signal(ref, 'remove', { uid: 'u-new' });
    await temporal.ended(ref);
    expect(cluster.finalizers).not.toContain('u-old');
  });

  test('a late apply of the object that is being removed does not bring it back', async () => {
    const ref = model('late');
    await temporal.apply(ref, { origin: 'kubernetes', uid: 'u-late', generation: 1, fields });
    await eventually(() => expect(cluster.finalizers).toContain('u-late'));
    const go = cluster.hold();
    await temporal.signal(ref, 'remove', { uid: 'u-late' });
    await temporal.apply(ref, { origin: 'kubernetes', uid: 'u-late', generation: 2, fields });
    go();
    await temporal.ended(ref);
    expect(cluster.finalizers).not.toContain('u-late');
  });

  test('a late apply of an object that was there before takes nothing from its successor', async () => {
    const ref = model('successor');
    const apply = (uid: string, n: number) => temporal.apply(ref, { origin: 'kubernetes', uid, generation: n, fields });
    await apply('u-successor', 1);
    await eventually(() => expect(cluster.finalizers).toContain('u-successor'));
    cluster.gone.add('u-before');
    await apply('u-before', 9);
    await apply('u-successor', 2);
    const view = await temporal.view(ref, generation(2));
    expect(view).toMatchObject({ exists: true, metadata: { uid: 'u-successor' } });
    expect(cluster.released).not.toContain('u-successor');
    const { runId } = await temporal.client.workflow.getHandle(entityId(ref)).describe();
    await temporal.signal(ref, 'remove', { uid: 'u-successor' });
    await temporal.ended(ref);
    const { events } = await temporal.client.workflow.getHandle(entityId(ref), runId).fetchHistory();
    const asked = events?.filter(({ activityTaskScheduledEventAttributes: of }) => of?.activityType?.name === 'adopt');
    expect(asked).toHaveLength(2);
  });

  test('another uid without a remove tears the old one down first', async () => {
    const ref = model('stripped');
    await temporal.apply(ref, { origin: 'kubernetes', uid: 'u-1', generation: 4, fields });
    await eventually(() => expect(cluster.finalizers).toContain('u-1'));
    await temporal.apply(ref, { origin: 'kubernetes', uid: 'u-2', generation: 1, fields });
    await temporal.view(ref, ({ metadata }) => expect(metadata.uid).toBe('u-2'));
    expect(cluster.released).toContain('u-1');
  });

  test('an object that is gone before it was adopted leaves nothing behind', async () => {
    const ref = model('vanished');
    cluster.gone.add('u-vanished');
    await temporal.apply(ref, { origin: 'kubernetes', uid: 'u-vanished', generation: 1, fields });
    await temporal.ended(ref);
  });

  test('a removal that nobody applied drops the finalizer and ends', async () => {
    const ref = model('orphan');
    cluster.finalizers.add('u-orphan');
    await signalEntity(temporal.client, ref, 'remove', { uid: 'u-orphan' });
    await temporal.ended(ref);
    expect(cluster.finalizers).not.toContain('u-orphan');
  });

  test('acts once per value of a verb, however often it is told', async () => {
    const ref = model('verbs');
    const say = (n: number, trigger: string) =>
      temporal.apply(ref, { origin: 'kubernetes', uid: 'u-v', generation: n, fields, verbs: { trigger } });
    const refusals = () => cluster.events('u-v').filter((reason) => reason === 'Refused').length;
    await say(1, 'a');
    await say(1, 'a');
    await say(2, 'a');
    await eventually(() =>
      expect(cluster.status('u-v')).toMatchObject({
        observedGeneration: 2,
        handledVerbs: { trigger: 'a' },
        refused: { verb: 'trigger', message: 'a Model knows no trigger' },
      }),
    );
    expect(refusals()).toBe(1);
    await say(2, 'b');
    await eventually(() => expect(refusals()).toBe(2));
    await say(2, 'a');
    await eventually(() => expect(refusals()).toBe(3));
  });

  test('a verb that was seen before the last one was acted upon, and comes after it, is not acted upon again', async () => {
    const ref = model('late-verb');
    const see = (trigger: string, handled: Record<string, string>) =>
      temporal.apply(ref, { origin: 'kubernetes', uid: 'u-late', generation: 1, fields, verbs: { trigger }, handled });
    const acted = (value: string) =>
      eventually(() => expect(cluster.status('u-late')).toMatchObject({ handledVerbs: { trigger: value } }));
    await see('a', {});
    await acted('a');
    await see('b', { trigger: 'a' });
    await acted('b');
    // Two global managers, of which one was slow between reading and telling.
    await see('a', {});
    await see('b', { trigger: 'a' });
    await see('c', { trigger: 'b' });
    await acted('c');
    expect(cluster.events('u-late').filter((reason) => reason === 'Refused')).toHaveLength(3);
  });

  test('verbs that an earlier life has acted upon are not acted upon again', async () => {
    const ref = model('reborn');
    const message = { origin: 'kubernetes', uid: 'u-r', generation: 2, fields } as const;
    await temporal.apply(ref, { ...message, verbs: { trigger: 'a', pause: 'x' }, handled: { trigger: 'a' } });
    await eventually(() => expect(cluster.events('u-r')).toContain('Refused'));
    const { status } = await temporal.view(ref);
    expect(status).toMatchObject({ handledVerbs: { trigger: 'a', pause: 'x' }, refused: { verb: 'pause' } });
    expect(cluster.events('u-r').filter((reason) => reason === 'Refused')).toHaveLength(1);
  });

  test('signals with nonsense in them are ignored', async () => {
    const ref = model('nonsense');
    await temporal.apply(ref, { fields });
    await temporal.view(ref, generation(1));
    for (const name of ['apply', 'subscribe', 'unsubscribe', 'changed', 'observed', 'addVersion']) {
      await temporal.signal(ref, name);
      await temporal.signal(ref, name, null);
      await temporal.signal(ref, name, { ref: 7, sha256: 7 });
    }
    await temporal.signal(ref, 'trigger', null);
    await temporal.signal(ref, 'noSuchSignal', 1);
    for (const [encoding, data] of [
      ['json/plain', '{"ref":'],
      ['json/protobuf', '{}'],
      ['binary/zlib', 'no zlib'],
      ['', ''],
    ] as const) {
      const metadata = { encoding: Buffer.from(encoding) };
      await temporal.signal(ref, 'apply', RawValue.fromPayload({ metadata, data: Buffer.from(data) }));
    }
    await temporal.view(ref, ({ status }) => expect(status['refused']).toMatchObject({ verb: 'trigger' }));
    await temporal.signal(ref, 'remove', null);
    await temporal.ended(ref);
  });

  test('says which field of its manifest is wrong, and goes on when it is mended', async () => {
    const ref = model('invalid');
    await temporal.apply(ref, {
      manifest: manifest('c'),
      invalid: [{ path: 'spec.url', message: 'is required' }],
    });
    const { status } = await temporal.view(ref, (view) => expect(view.status['phase']).toBe('Failed'));
    expect(status).toMatchObject({ waitingFor: { reason: 'InvalidSpec', message: 'spec.url: is required' } });
    await temporal.apply(ref, { manifest: manifest('d'), fields });
    await temporal.view(ref, (view) => expect(view.status).toMatchObject({ phase: 'Initial', waitingFor: null }));
  });

  test('an edit that is not valid is said and does not end what goes on; taking it back is enough', async () => {
    const ref = model('edited');
    await temporal.apply(ref, { manifest: manifest('a'), fields });
    const invalid = [{ path: 'spec.url', message: 'is required' }];
    await temporal.apply(ref, { manifest: manifest('b'), invalid });
    const degraded = ({ status }: { status: Record<string, unknown> }) =>
      (status['conditions'] as { type: string }[]).find(({ type }) => type === 'Degraded');
    const refused = await temporal.view(ref, (view) => expect(degraded(view)).toMatchObject({ status: 'True' }));
    expect(degraded(refused)).toMatchObject({
      reason: 'InvalidSpec',
      message: 'generation 2 is not valid, generation 1 is still acted on: spec.url: is required',
    });
    expect(refused).toMatchObject({ status: { phase: 'Initial', observedGeneration: 2 }, manifest: manifest('a') });
    await temporal.apply(ref, { manifest: manifest('c'), invalid });
    await temporal.view(ref, (view) =>
      expect(degraded(view)).toMatchObject({
        message: expect.stringMatching(/^generation 3 .* generation 1 is still/),
      }),
    );
    await temporal.apply(ref, { manifest: manifest('a'), fields });
    const { status } = await temporal.view(ref, (view) => expect(degraded(view)).toMatchObject({ status: 'False' }));
    expect(status).toMatchObject({ observedGeneration: 4 });
  });

  test('remembers when a standalone object was created', async () => {
    const ref = model('born');
    const before = Date.now();
    await temporal.apply(ref, { manifest: manifest('a'), fields });
    const { metadata } = await temporal.view(ref);
    expect(Date.parse(metadata.creationTimestamp ?? '')).toBeGreaterThanOrEqual(before - 1_000);
    await temporal.apply(ref, { manifest: manifest('b'), fields });
    const edited = await temporal.view(ref, (view) => expect(view.metadata.generation).toBe(2));
    expect(edited.metadata.creationTimestamp).toBe(metadata.creationTimestamp);
  });

  test('exists without its object while somebody follows it, tells, and ends with the last follower', async () => {
    const ref = model('followed');
    const [one, two] = [model('one'), model('two')];
    await temporal.apply(one, { fields });
    await temporal.apply(two, { fields });
    await signalEntity(temporal.client, ref, 'subscribe', one);
    await signalEntity(temporal.client, ref, 'subscribe', two);
    expect(await temporal.view(ref)).toMatchObject({ exists: false, status: { phase: 'Absent' } });
    await temporal.apply(ref, { fields });
    await temporal.view(ref, ({ exists }) => expect(exists).toBe(true));
    await temporal.signal(ref, 'remove');
    await temporal.view(ref, ({ exists }) => expect(exists).toBe(false));
    await temporal.signal(ref, 'unsubscribe', one);
    await temporal.signal(ref, 'unsubscribe', two);
    await temporal.ended(ref);
  });

  test('a cancelled workflow tidies up before it ends', async () => {
    const ref = model('cancelled');
    await temporal.apply(ref, { origin: 'kubernetes', uid: 'u-c', generation: 1, fields });
    await eventually(() => expect(cluster.finalizers).toContain('u-c'));
    await temporal.client.workflow.getHandle(entityId(ref)).cancel();
    await temporal.ended(ref);
    expect(cluster.finalizers).not.toContain('u-c');
  });

  test('a kind without a workflow says so', async () => {
    const ref = { kind: 'ReidJob', namespace: 'default', name: 'later' };
    await temporal.apply(ref, { fields: {} });
    const { status } = await temporal.view(ref, (view) => expect(view.status['waitingFor']).toBeTruthy());
    expect(status).toMatchObject({ waitingFor: { reason: 'NotSupportedYet' } });
    expect(status['conditions']).toContainEqual(
      expect.objectContaining({ type: 'Degraded', status: 'True', reason: 'NotSupportedYet' }),
    );
    await temporal.signal(ref, 'remove');
    await temporal.ended(ref);
  });
});
