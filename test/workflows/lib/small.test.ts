import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { kinds } from '../../../crds/registry.ts';
import { failures } from '../../../workflows/lib/failures.ts';
import * as ids from '../../../workflows/lib/ids.ts';
import { matchingModel } from '../../../workflows/lib/incremental/matching.ts';
import { verbs, type ModelVersion } from '../../../workflows/lib/messages.ts';
import { newVerbs, verbValues } from '../../../workflows/lib/verbs.ts';
import { maxVersions, mergeVersion } from '../../../workflows/lib/versions.ts';

describe('ids', () => {
  test('are what people type', () => {
    const ref = { kind: 'IncrementalLearningJob', namespace: 'default', name: 'helmet' };
    expect(ids.entityId(ref)).toBe('sedna/incrementallearningjob/default/helmet');
    expect(ids.entityId(ids.nodeRef('edge-1'))).toBe('sedna/node/edge-1');
    expect(ids.workflowType('IncrementalLearningJob')).toBe('incrementalLearningJob');
    expect(ids.roundId(ids.entityId(ref), '0123456789', 7)).toBe(`${ids.entityId(ref)}/round/01234567-7`);
    expect(ids.stageWorkerName({ ...ref, uid: '0123456789' }, 'Train', 7, 2)).toBe('helmet-train-01234567-r7-a2');
    expect(ids.serviceWorkerName({ ...ref, uid: '0123456789' }, 'inference')).toBe('helmet-inference-01234567');
    expect([ids.edgeQueue('n'), ids.residentQueue('n')]).toEqual(['edge/n', 'edge/n/resident']);
  });

  test('every kind has a workflow of its name', async () => {
    const workflows = await import('../../../workflows/index.ts').then((module) => Object.keys(module));
    for (const { kind } of kinds) expect(workflows).toContain(ids.workflowType(kind));
  });
});

describe('verbs', () => {
  test('only new values act, in the order of the list', () => {
    const values = { resume: '2', pause: '1', stop: '9', trigger: '' };
    expect(newVerbs(values, { stop: '9' })).toEqual([
      ['trigger', ''],
      ['pause', '1'],
      ['resume', '2'],
    ]);
    expect(newVerbs(undefined, {})).toEqual([]);
  });
  test('come from annotations of their name only', () => {
    expect(verbValues({ 'sedna.io/trigger': 'x', trigger: 'y', 'sedna.io/other': 'z' })).toEqual({ trigger: 'x' });
    expect(verbs.every((verb) => /^[a-z]+$/.test(verb))).toBe(true);
  });
});

describe('versions', () => {
  const version = (name: string, stage: ModelVersion['stage']): ModelVersion => ({
    sha256: name,
    uri: `file:///${name}`,
    bytes: 1,
    format: 'onnx',
    stage,
    lineage: { job: 'j', round: 1, samples: 1, dataset: 'd' },
    createdAt: name,
  });
  const stages = (versions: ModelVersion[]) => versions.map(({ sha256, stage }) => `${sha256} ${stage}`);

  test('candidate, then live; what was live and the candidates before it retire', () => {
    let { versions, event } = mergeVersion([], version('a', 'candidate'));
    expect(event).toBe('VersionAdded');
    ({ versions, event } = mergeVersion(versions, version('a', 'live')));
    expect(event).toBe('VersionLive');
    ({ versions } = mergeVersion(versions, version('b', 'candidate')));
    ({ versions } = mergeVersion(versions, version('c', 'candidate')));
    expect(stages(versions)).toEqual(['a live', 'b candidate', 'c candidate']);
    ({ versions } = mergeVersion(versions, version('c', 'live')));
    expect(stages(versions)).toEqual(['a retired', 'b retired', 'c live']);
  });

  test('a training that gives the bytes of the live version does not take it down', () => {
    const live = version('a', 'live');
    const again = {
      ...version('a', 'candidate'),
      metrics: { accuracy: [0.9] },
      lineage: { ...live.lineage, round: 7 },
    };
    const { versions, event } = mergeVersion([live], again);
    expect(versions).toEqual([{ ...again, stage: 'live', createdAt: live.createdAt }]);
    expect(event).toBeUndefined();
    expect(mergeVersion(versions, again)).toEqual({ versions });
  });

  test('the same again changes nothing', () => {
    const { versions } = mergeVersion([], version('a', 'live'));
    expect(mergeVersion(versions, version('a', 'live'))).toEqual({ versions });
  });

  test('bounded, at most one live, and the live one is never forgotten', () => {
    const message = fc.tuple(fc.nat(60), fc.constantFrom('candidate' as const, 'live' as const));
    fc.assert(
      fc.property(fc.array(message, { maxLength: 120 }), (messages) => {
        let versions: ModelVersion[] = [];
        let live: string | undefined;
        for (const [name, stage] of messages) {
          ({ versions } = mergeVersion(versions, version(`v${name}`, stage)));
          if (stage === 'live') live = `v${name}`;
          expect(versions.length).toBeLessThanOrEqual(maxVersions);
          expect(versions.filter((known) => known.stage === 'live').map(({ sha256 }) => sha256)).toEqual(
            live === undefined ? [] : [live],
          );
        }
      }),
    );
  });
});

describe('matching model', () => {
  const [onnx, pb, none] = [{ format: 'ONNX' }, { format: 'pb' }, { format: '' }];
  test.each([
    [[pb, onnx], 'onnx', onnx],
    [[pb], 'onnx', undefined],
    [[none], 'onnx', none],
    [[none, pb], 'onnx', undefined],
    [[], 'onnx', undefined],
  ])('%j for %s', (models, format, expected) => expect(matchingModel(models, format)).toBe(expected));
});

test('every failure says what it means', () => {
  for (const [type, { meaning }] of Object.entries(failures)) {
    expect(type).toMatch(/^[A-Z][A-Za-z]+$/);
    expect(meaning).not.toBe('');
  }
});
