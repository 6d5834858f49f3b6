/** The status of a joint inference service, from states that are hard to bring about. */
import { expect, test } from '@jest/globals';
import type { JointInferenceServiceFields } from '../../../crds/fields.ts';
import { noteCondition } from '../../../workflows/lib/joint-inference/conditions.ts';
import { emptyService, type ServiceView } from '../../../workflows/lib/joint-inference/state.ts';
import { jointInferenceStatus, statusOf } from '../../../workflows/lib/joint-inference/status.ts';
import type { Problem } from '../../../workflows/lib/failures.ts';
import type { EntityRef } from '../../../workflows/lib/ids.ts';
import type { Member } from '../../../workflows/lib/worker-set/state.ts';

const roles = ['cloud', 'edge'] as const;
const model = { url: '/m.onnx', format: 'onnx', devices: [] };
const node = { alive: true, since: '', labels: {}, executionProviders: [], blobStore: { reachable: true } };

function view(change: (view: ServiceView, fields: JointInferenceServiceFields) => void = () => undefined): ServiceView {
  const set = { templateDigest: 't', replicas: 1, node: 'n' };
  const fields: JointInferenceServiceFields = {
    edge: { ...set, model: 'little', hardExampleMining: { name: 'IBT' } },
    cloud: { ...set, model: 'big' },
  };
  const own = emptyService();
  for (const role of roles) {
    own.sets[role] = {
      ...own.sets[role],
      ...{ node: 'n', revision: 1, born: 1, members: [ready(`${role}-1`)] },
      front: { node: 'n', state: 'ready', endpoints: [] },
    };
  }
  const made = {
    ref: { kind: 'JointInferenceService', namespace: 'default', name: 's' },
    desired: { origin: 'standalone', uid: 'u', generation: 1, fields },
    own,
    operations: { problem: () => undefined },
    peer: (ref: EntityRef) => ({ ref, exists: true, value: ref.kind === 'Node' ? node : model }),
    emit: () => undefined,
  } as unknown as ServiceView;
  change(made, fields);
  return made;
}

function ready(name: string, change: Partial<Member> = {}): Member {
  return {
    name,
    revision: 1,
    seen: { state: 'ready', node: 'n', worker: name, restarts: 0, endpoints: [] },
    ...change,
  };
}

const crash: Problem = { reason: 'WorkerFailed', message: 'edge-1: exit code 1' };
const crashed = (restarts: number): Member =>
  ready('edge-1', { seen: { state: 'failing', node: 'n', worker: 'edge-1', restarts, endpoints: [], problem: crash } });

test('it serves', () => {
  expect(jointInferenceStatus(view())).toMatchObject({
    phase: 'Running',
    available: { status: true },
    progressing: { status: false, reason: 'UpToDate' },
    fields: { active: 2, failed: 0, replicas: '2/2' },
  });
});

test('replicas that nobody reaches serve nobody', () => {
  const unreached = view(({ own }) => (own.sets.edge.front = { node: 'n', state: 'starting', endpoints: [] }));
  expect(jointInferenceStatus(unreached)).toMatchObject({
    phase: 'Starting',
    available: { status: false, message: 'edge worker: its front is not ready yet' },
  });
});

test('a crash is a failure, several in a row are a loop; without a replica the service has failed, in the words of the original', () => {
  const once = view(({ own }) => (own.sets.edge.members = [crashed(1)]));
  expect(jointInferenceStatus(once).waitingFor).toEqual({ ...crash, message: 'edge worker: edge-1: exit code 1' });
  const looping = view(({ own }) => (own.sets.edge.members = [crashed(2)]));
  const status = jointInferenceStatus(looping);
  expect(status).toMatchObject({
    phase: 'Failed',
    waitingFor: { reason: 'CrashLoopBackOff' },
    available: { status: false, reason: 'CrashLoopBackOff' },
    fields: { active: 1, failed: 1, replicas: '1/2' },
  });
  const known = roles.map((role) => statusOf(looping, role));
  noteCondition(looping, known);
  noteCondition(looping, known);
  expect(looping.own.conditions).toEqual([
    expect.objectContaining({ type: 'Failed', reason: 'workerFailed', message: 'the worker of service failed' }),
  ]);
  looping.own.sets.edge.members = [ready('edge-1')];
  noteCondition(
    looping,
    roles.map((role) => statusOf(looping, role)),
  );
  expect(looping.own.conditions.map(({ type }) => type)).toEqual(['Failed', 'Running']);
});

test('a role of which nobody wants a replica keeps nothing from running, but it is not there', () => {
  const without = view(({ own }, fields) => {
    fields.cloud.replicas = 0;
    own.sets.cloud.members = [];
  });
  expect(jointInferenceStatus(without)).toMatchObject({
    phase: 'Running',
    available: { status: false, reason: 'ScaledToZero' },
    fields: { replicas: '1/1', active: 1, failed: 0 },
  });
  expect(jointInferenceStatus(without).waitingFor).toBeUndefined();
});

test('what an autoscaler wants stays within the bounds of the manifest', () => {
  const scaled = (wish: number): unknown =>
    jointInferenceStatus(
      view(({ own }, fields) => {
        fields.edge.autoscaling = { minReplicas: 2, maxReplicas: 4 };
        own.sets.edge.front = { node: 'n', state: 'ready', endpoints: [], replicas: wish };
      }),
    ).fields?.['replicas'];
  expect([scaled(1), scaled(3), scaled(9)]).toEqual(['2/3', '2/4', '2/5']);
});

test('a node that is silent: its workers are unknown, and are said to serve as they were last heard of', () => {
  const cut = view((made) => {
    Object.assign(made, {
      peer: (ref: EntityRef) => ({ ref, exists: true, value: ref.kind === 'Node' ? { ...node, alive: false } : model }),
    });
  });
  const status = jointInferenceStatus(cut);
  expect(status).toMatchObject({ phase: 'Running', waitingFor: { reason: 'NodeSilent' }, available: { status: true } });
  expect(status.available.message).toContain('when last heard of');
  expect(status.fields?.['workers']).toEqual(roles.map((role) => expect.objectContaining({ role, state: 'unknown' })));
});
