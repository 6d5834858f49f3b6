/** A hard example goes from the little model to the big one as it is: what both must have in common. */
import { describe, expect, test } from '@jest/globals';
import type { JointInferenceServiceFields } from '../../../../crds/fields.ts';
import type { ModelVerdict } from '../../../../activities/contracts.ts';
import type { EntityRef } from '../../../../workflows/lib/ids.ts';
import { differenceOf, mayJoin, pairProblem, verdictKeyOf } from '../../../../workflows/lib/joint-inference/pair.ts';
import { needProblem } from '../../../../workflows/lib/joint-inference/problems.ts';
import { assess } from '../../../../workflows/lib/joint-inference/situation.ts';
import { emptyService, type ServiceView } from '../../../../workflows/lib/joint-inference/state.ts';

const roles = ['cloud', 'edge'] as const;
type Inputs = NonNullable<ModelVerdict['inputs']>;

const x = (shape: Inputs[number]['shape'], change: Partial<Inputs[number]> = {}): Inputs => [
  { name: 'x', datatype: 'float32', shape, ...change },
];

describe('inputs', () => {
  test.each([
    ['equal ones', x([-1, 784]), x([-1, 784])],
    ['a size that one leaves open', x(['N', 784]), x([1, 784])],
    ['a size that the other leaves open', x([1, 3, 64, 64]), x(['N', 3, 'H', 'W'])],
  ])('fit: %s', (_what, little, big) => {
    expect(differenceOf(little, big, false)).toBeUndefined();
  });

  test.each([
    ['another name', x([1, 4]), x([1, 4], { name: 'image' }), '"x" is none of "image"'],
    ['another type', x([1, 4]), x([1, 4], { datatype: 'int64' }), '"x" is float32 and int64'],
    ['another size', x(['N', 784]), x(['N', 64]), '"x" is [N, 784] and [N, 64]'],
    ['another rank', x(['N', 784]), x(['N', 28, 28]), '"x" is [N, 784] and [N, 28, 28]'],
    ['one more', x([1, 4]), [...x([1, 4]), ...x([1, 2], { name: 'mask' })], '"mask" is none of "x"'],
  ])('do not fit: %s', (_what, little, big, difference) => {
    expect(differenceOf(little, big, false)).toBe(difference);
  });

  test('of which an image file is one may have sizes of their own, but not names', () => {
    expect(differenceOf(x([1, 3, 64, 64]), x([1, 3, 320, 320]), true)).toBeUndefined();
    expect(differenceOf(x([1]), x([1], { name: 'image' }), true)).toBe('"x" is none of "image"');
  });
});

/** A service whose two models were judged; `signature` of both. */
function judged(inputs: { edge?: Inputs; cloud?: Inputs }, signature?: object): ServiceView {
  const fields = Object.fromEntries(
    roles.map((role) => [role, { templateDigest: 't', replicas: 1, node: 'n', model: `${role}-model` }]),
  ) as unknown as JointInferenceServiceFields;
  const value = (ref: EntityRef): unknown =>
    ref.kind === 'Node'
      ? { alive: true, blobStore: { reachable: true } }
      : { url: `/${ref.name}.onnx`, format: 'onnx', devices: [], signature };
  const view = {
    ref: { kind: 'JointInferenceService', namespace: 'default', name: 's' },
    desired: { uid: 'u', fields },
    own: emptyService(),
    operations: { problem: () => undefined },
    peer: (ref: EntityRef) => ({ ref, exists: true, value: value(ref) }),
  } as unknown as ServiceView;
  for (const role of roles) {
    const { situation } = assess(view, role);
    if (situation === undefined) throw new Error(`${role} lacks something`);
    const given = inputs[role];
    view.own.sets[role].verdict = { key: verdictKeyOf(view, role, situation), ...(given && { inputs: given }) };
  }
  return view;
}

describe('two models', () => {
  test('that differ are a problem of both workers, which names models and inputs', () => {
    const view = judged({ edge: x(['N', 784]), cloud: x(['N', 64]) });
    expect(pairProblem(view, 'edge')).toEqual({
      reason: 'ModelMisfit',
      message:
        'Model edge-model of the edge worker and Model cloud-model of the cloud worker do not take the same inputs: ' +
        '"x" is [N, 784] and [N, 64]',
    });
    for (const role of roles) expect(needProblem(view, role)).toEqual(pairProblem(view, 'edge'));
  });

  test('are not compared where one of them is served by a program of its own, or was judged as another one', () => {
    expect(pairProblem(judged({ edge: x(['N', 784]) }), 'edge')).toBeUndefined();
    const view = judged({ edge: x(['N', 784]), cloud: x(['N', 64]) });
    view.own.sets.cloud.verdict = { key: 'the model before', inputs: x(['N', 64]) };
    expect(pairProblem(view, 'edge')).toBeUndefined();
  });

  test('that differ: a big model that is new serves, the little one does not; later neither is replaced', () => {
    const view = judged({ edge: x(['N', 784]), cloud: x(['N', 64]) });
    expect(roles.map((role) => [role, mayJoin(view, role)])).toEqual([
      ['cloud', true],
      ['edge', false],
    ]);
    view.own.sets.cloud.revision = 1;
    expect(mayJoin(view, 'cloud')).toBe(false);
  });

  test('wait for the verdict on each other, unless its node is away', () => {
    const view = judged({ edge: x(['N', 784]), cloud: x(['N', 784]) });
    expect(mayJoin(view, 'edge')).toBe(true);
    view.own.sets.cloud.verdict = undefined;
    expect(mayJoin(view, 'edge')).toBe(false);
    const peer = view.peer.bind(view);
    Object.assign(view, {
      peer: (ref: EntityRef) =>
        ref.kind === 'Node'
          ? { ref, exists: true, value: { alive: false, since: '', blobStore: { reachable: true } } }
          : peer(ref),
    });
    expect(mayJoin(view, 'edge')).toBe(true);
  });

  test('that take image files need not have one size', () => {
    const images = { preprocess: { width: 64, height: 64 } };
    expect(
      pairProblem(judged({ edge: x([1, 3, 64, 64]), cloud: x([1, 3, 320, 320]) }, images), 'cloud'),
    ).toBeUndefined();
  });
});
