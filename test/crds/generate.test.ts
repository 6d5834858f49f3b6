import { describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crdFiles, drift, generate } from '../../crds/generate.ts';
import { customResourceDefinition } from '../../crds/lib/custom-resource-definition.ts';
import { findKind, kinds, requireKind } from '../../crds/registry.ts';

test('the committed definitions are those of the schemas', () => {
  expect(drift()).toEqual([]);
});

test('drift names what is missing, changed and left over; generating repairs it', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'crds-'));
  try {
    generate(directory);
    writeFileSync(path.join(directory, 'sedna.io_datasets.yaml'), 'changed');
    rmSync(path.join(directory, 'sedna.io_models.yaml'));
    writeFileSync(path.join(directory, 'sedna.io_gone.yaml'), '');
    expect(drift(directory)).toEqual(['sedna.io_datasets.yaml', 'sedna.io_gone.yaml', 'sedna.io_models.yaml']);
    generate(directory);
    expect(drift(directory)).toEqual([]);
    expect(readFileSync(path.join(directory, 'sedna.io_models.yaml'), 'utf8')).toBe(
      crdFiles().get('sedna.io_models.yaml'),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

describe('names', () => {
  // Group, plurals and short names as KubeEdge/Sedna v0.6 defines them.
  test.each([
    ['Dataset', 'datasets', undefined],
    ['Model', 'models', undefined],
    ['FederatedLearningJob', 'federatedlearningjobs', 'fl'],
    ['IncrementalLearningJob', 'incrementallearningjobs', 'il'],
    ['LifelongLearningJob', 'lifelonglearningjobs', 'll'],
    ['JointInferenceService', 'jointinferenceservices', 'ji'],
    ['ObjectSearchService', 'objectsearchservices', 'objs'],
    ['ObjectTrackingService', 'objecttrackingservices', 'objt'],
    ['FeatureExtractionService', 'featureextractionservices', 'fe'],
    ['ReidJob', 'reidjobs', 'reid'],
    ['VideoAnalyticsJob', 'videoanalyticsjobs', 'va'],
  ])('%s is %s, short %s', (kind, plural, short) => {
    const definition = requireKind(kind);
    expect(definition.plural).toBe(plural);
    expect(definition.shortNames).toEqual(short ? [short] : []);
    for (const name of [plural, kind.toLowerCase(), kind.toUpperCase(), ...(short ? [short] : [])]) {
      expect(findKind(name)).toBe(definition);
    }
    expect(customResourceDefinition(definition).metadata.name).toBe(`${plural}.sedna.io`);
  });

  test('no two kinds share one, and unknown ones are answered with the list', () => {
    const names = kinds.flatMap(({ kind, plural, singular, shortNames }) => [kind, plural, singular, ...shortNames]);
    expect(new Set(names).size).toBe(names.length);
    expect(findKind('pods')).toBeUndefined();
    expect(() => requireKind('pods')).toThrow(/known: Dataset, Model, IncrementalLearningJob\/il/);
  });
});
