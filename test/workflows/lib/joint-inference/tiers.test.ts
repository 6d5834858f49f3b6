/** Order, addresses and neighbours of the sets of a service with tiers. */
import { describe, expect, test } from '@jest/globals';
import type { JointInferenceServiceFields } from '../../../../crds/fields.ts';
import type { ModelVerdict } from '../../../../activities/contracts.ts';
import type { EntityRef } from '../../../../workflows/lib/ids.ts';
import {
  isAsked,
  learnAddress,
  mayStart,
  waitingForAddresses,
  wayUp,
} from '../../../../workflows/lib/joint-inference/addresses.ts';
import { above, below, formerRoles, pathOf, rolesOf, setOf } from '../../../../workflows/lib/joint-inference/chain.ts';
import { leaveFormerTiers } from '../../../../workflows/lib/joint-inference/former.ts';
import { mayJoin, pairProblem, verdictKeyOf } from '../../../../workflows/lib/joint-inference/pair.ts';
import { assess, needs, selectorOf } from '../../../../workflows/lib/joint-inference/situation.ts';
import { emptyService, type Role, type ServiceView } from '../../../../workflows/lib/joint-inference/state.ts';
import { jointInferenceStatus } from '../../../../workflows/lib/joint-inference/status.ts';
import type { RevisionWorker } from '../../../../workflows/lib/worker-set/state.ts';

const asking = { templateDigest: 't', replicas: 1, node: 'n', hardExampleMining: { name: 'IBT' } };
const tier = (name: string) => ({ ...asking, name, model: `${name}-model` });

function service(...tiers: string[]): ServiceView {
  const fields: JointInferenceServiceFields = {
    edge: { ...asking, model: 'edge-model' },
    ...(tiers.length > 0 && { tiers: tiers.map(tier) }),
    cloud: { templateDigest: 't', replicas: 1, node: 'n', model: 'cloud-model' },
  };
  const value = (ref: EntityRef): unknown =>
    ref.kind === 'Node'
      ? { alive: true, since: '', labels: {}, executionProviders: [], blobStore: { reachable: true } }
      : { url: `/${ref.name}.onnx`, format: 'onnx', devices: [] };
  return {
    ref: { kind: 'JointInferenceService', namespace: 'default', name: 's' },
    desired: { uid: 'u', generation: 1, fields },
    own: emptyService(),
    operations: { problem: () => undefined },
    peer: (ref: EntityRef) => ({ ref, exists: true, value: value(ref) }),
  } as unknown as ServiceView;
}

/** A set whose workers were started with this address of the one above them. */
function serving(view: ServiceView, role: Role, port: number, askedPort?: number): void {
  const env: Record<string, string> =
    askedPort === undefined ? {} : { BIG_MODEL_IP: '127.0.0.1', BIG_MODEL_PORT: String(askedPort) };
  const worker = { env } as unknown as RevisionWorker;
  view.own.sets[role] = {
    ...setOf(view.own, role),
    ...{ node: 'n', revision: 1, born: 1, revisions: { 1: { digest: 'd', worker } } },
    front: { node: 'n', state: 'ready', endpoints: [{ name: 'http', url: `http://127.0.0.1:${port}` }] },
    members: [
      {
        name: `${role}-1`,
        revision: 1,
        seen: { state: 'ready', node: 'n', worker: `${role}-1`, restarts: 0, endpoints: [] },
      },
    ],
  };
  learnAddress(view.own, role);
}

test('a service without tiers is the cloud and the edge; with tiers they are started from the cloud down', () => {
  expect(rolesOf(service())).toEqual(['cloud', 'edge']);
  const view = service('site', 'region');
  expect(rolesOf(view)).toEqual(['cloud', 'tier-region', 'tier-site', 'edge']);
  expect(rolesOf(view).map((role) => above(view, role))).toEqual([undefined, 'cloud', 'tier-region', 'tier-site']);
  expect(rolesOf(view).map((role) => below(view, role))).toEqual(['tier-region', 'tier-site', 'edge', undefined]);
  expect(rolesOf(view).map((role) => pathOf(view, role))).toEqual([
    'spec.cloudWorker',
    'spec.tiers[1]',
    'spec.tiers[0]',
    'spec.edgeWorker',
  ]);
  expect(needs(view).map(({ name }) => name)).toEqual(['cloud-model', 'region-model', 'site-model', 'edge-model', 'n']);
  for (const one of [...(view.desired.fields.tiers ?? []), view.desired.fields.edge]) one.node = undefined;
  expect(selectorOf(view, 'tier-site')).toEqual({ 'sedna.io/tier': 'site' });
  expect(selectorOf(view, 'edge')).toEqual({ 'sedna.io/role': 'edge' });
});

describe('addresses', () => {
  const at = (port: number, patience?: number) => ({
    BIG_MODEL_IP: '127.0.0.1',
    BIG_MODEL_PORT: String(port),
    ...(patience !== undefined && { SEDNA_PATIENCE_MS: String(patience) }),
  });

  test('a set that is new waits for that of the next one, and starts without it in the end', () => {
    const view = service('site');
    expect(mayStart(view, 'cloud')).toBe(true);
    expect([mayStart(view, 'tier-site'), mayStart(view, 'edge')]).toEqual([false, false]);
    expect(waitingForAddresses(view).map(({ slot }) => slot)).toEqual(['wait for the cloud', 'wait for tier-site']);
    view.own.waited = true;
    expect([mayStart(view, 'tier-site'), mayStart(view, 'edge')]).toEqual([true, false]);
    view.own.tiersWaitedFor = ['tier-site'];
    expect(mayStart(view, 'edge')).toBe(true);
    expect(wayUp(view, 'edge')).toEqual(at(1, 1_000));
    expect(waitingForAddresses(view)).toEqual([]);
  });

  test('each asks the next one; nobody learns that of the edge', () => {
    const view = service('site', 'region');
    for (const [i, role] of rolesOf(view).entries()) serving(view, role, 5_000 + i);
    expect(
      rolesOf(view)
        .slice(1)
        .map((role) => wayUp(view, role)),
    ).toEqual([at(5_000), at(5_001, 1_000), at(5_002, 1_500)]);
    expect(view.own.cloudAddress).toEqual({ ip: '127.0.0.1', port: '5000' });
    expect(Object.keys(view.own.tierAddresses ?? {})).toEqual(['tier-region', 'tier-site']);
  });

  test('a chain that serves asks whom it has asked until a new tier serves; one that falls silent later is kept', () => {
    const view = service('site');
    serving(view, 'cloud', 5_000);
    serving(view, 'edge', 5_001, 5_000);
    expect([mayStart(view, 'edge'), wayUp(view, 'edge')]).toEqual([true, at(5_000)]);
    serving(view, 'tier-site', 5_002, 5_000);
    const [member] = setOf(view.own, 'tier-site').members;
    if (member?.seen) member.seen.state = 'starting';
    expect(wayUp(view, 'edge')).toEqual(at(5_000));
    if (member?.seen) member.seen.state = 'ready';
    expect(wayUp(view, 'edge')).toEqual(at(5_002, 1_000));
    serving(view, 'edge', 5_001, 5_002);
    if (member?.seen) member.seen.state = 'failing';
    expect(wayUp(view, 'edge')).toEqual(at(5_002));
  });

  test('tiers that change places: nobody goes over to one some of whose workers still ask the other way round', () => {
    const view = service('site', 'region');
    const [cloud, region, site] = [5_000, 5_001, 5_002];
    serving(view, 'cloud', cloud);
    serving(view, 'tier-region', region, cloud);
    serving(view, 'tier-site', site, region);
    serving(view, 'edge', 5_003, site);
    Object.assign(view.desired.fields, { tiers: [tier('region'), tier('site')] });
    expect(wayUp(view, 'tier-site')).toEqual(at(cloud));
    expect(wayUp(view, 'tier-region')).toEqual(at(cloud));
    // The new worker of the tier serves; an old one still has requests.
    const set = setOf(view.own, 'tier-site');
    const [old] = set.members;
    const worker = { env: at(cloud) } as unknown as RevisionWorker;
    set.revision = 2;
    set.revisions[2] = { digest: 'e', worker };
    if (old)
      set.members = [
        { ...old, draining: true },
        { ...old, name: 'tier-site-2', revision: 2 },
      ];
    expect(wayUp(view, 'tier-region')).toEqual(at(cloud));
    set.members = set.members.slice(1);
    expect(wayUp(view, 'tier-region')).toEqual(at(site, 1_000));
  });

  test('a tier that is none any more goes when nobody asks it', () => {
    const view = service('site');
    serving(view, 'cloud', 5_000);
    serving(view, 'tier-site', 5_002, 5_000);
    serving(view, 'edge', 5_001, 5_002);
    Object.assign(view.desired.fields, { tiers: undefined });
    expect(formerRoles(view)).toEqual(['tier-site']);
    const owner = { ...view.ref, uid: 'u' };
    const plan = () =>
      leaveFormerTiers(view, (role) => ({
        owner,
        role,
        set: setOf(view.own, role),
        listen: (slot) => ({ workflowId: 'w', uid: 'u', slot }),
      })).map(({ slot }) => slot);
    expect(isAsked(view.own, 'tier-site')).toBe(true);
    expect(plan()).toEqual(['worker tier-site-1']);
    const workers = jointInferenceStatus(view).fields?.['workers'] as { role: string }[];
    expect(workers.map(({ role }) => role)).toEqual(['cloud', 'edge', 'tier-site']);
    serving(view, 'edge', 5_001, 5_000);
    expect(plan()).toEqual(['left 0 of tier-site on n']);
    expect(setOf(view.own, 'tier-site').left).toEqual([{ node: 'n', workers: ['tier-site-1', 's-tier-site-front-u'] }]);
    setOf(view.own, 'tier-site').left = [];
    expect(plan()).toEqual([]);
    expect(Object.keys(view.own.sets)).toEqual(['cloud', 'edge']);
    expect(view.own.tierAddresses).toEqual({});
  });
});

describe('the gate compares neighbours', () => {
  type Inputs = NonNullable<ModelVerdict['inputs']>;
  const x = (size: number): Inputs => [{ name: 'x', datatype: 'float32', shape: ['N', size] }];

  function judged(sizes: Partial<Record<Role, number>>): ServiceView {
    const view = service('site', 'region');
    for (const role of rolesOf(view)) {
      const { situation } = assess(view, role);
      if (situation === undefined) throw new Error(`${role} lacks something`);
      const size = sizes[role];
      const verdict = { key: verdictKeyOf(view, role, situation), ...(size !== undefined && { inputs: x(size) }) };
      view.own.sets[role] = { ...setOf(view.own, role), verdict };
    }
    return view;
  }

  test('a misfit of two of them concerns nobody else', () => {
    const view = judged({ edge: 784, 'tier-site': 784, 'tier-region': 64, cloud: 64 });
    const message =
      'Model site-model of the tier site and Model region-model of the tier region do not take the same inputs: ' +
      '"x" is [N, 784] and [N, 64]';
    expect(rolesOf(view).map((role) => pairProblem(view, role)?.message)).toEqual([
      undefined,
      message,
      message,
      undefined,
    ]);
    // One that is new serves before those below ask it.
    expect(rolesOf(view).map((role) => mayJoin(view, role))).toEqual([true, true, false, true]);
    for (const role of rolesOf(view)) setOf(view.own, role).revision = 1;
    expect(rolesOf(view).map((role) => mayJoin(view, role))).toEqual([true, false, false, true]);
  });

  test('a worker of somebody’s own in between is compared with nobody', () => {
    const view = judged({ edge: 784, 'tier-region': 64, cloud: 64 });
    for (const role of rolesOf(view)) expect(pairProblem(view, role)).toBeUndefined();
  });
});
