/** Paths and URLs in manifests: admission by us and by a real API server, then the node that has to open them. */
import { ApplicationFailure } from '@temporalio/common';
import { nodePath } from '../../../activities/edge/lib/node-path.ts';
import { caseOf, readExpected } from '../lib/expected.ts';
import type { Case, Family, Found, Parser } from '../lib/family.ts';
import type { DocumentInput } from '../lib/documents.ts';
import { apiServer, validation } from './manifests.ts';

interface LocationInput extends DocumentInput {
  path: string;
  location: string;
}

interface More {
  field: 'dataset' | 'model' | 'output';
  location: string;
}

export function locations(): Family<LocationInput> {
  const cases = readExpected<More>('locations').map(([name, entry]): Case<LocationInput> => {
    const { value, path } = manifestWith(entry);
    const input = {
      file: '',
      line: 1,
      text: Buffer.from(JSON.stringify(value)),
      value,
      path,
      location: entry.location,
    };
    return caseOf(name, input, { ...entry, ...(entry.verdict === 'refuse' ? { path } : {}) });
  });
  return { name: 'paths and URLs', cases, parsers: [validation, apiServer(), node], boundMs: 500, growthMiB: 64 };
}

function manifestWith({ field, location }: More): { value: Record<string, unknown>; path: string } {
  const head = { apiVersion: 'sedna.io/v1alpha1', metadata: { name: 'x' } };
  if (field === 'dataset') {
    const spec = { url: location, format: 'txt', nodeName: 'edge-1' };
    return { value: { ...head, kind: 'Dataset', spec }, path: 'spec.url' };
  }
  if (field === 'model')
    return { value: { ...head, kind: 'Model', spec: { url: location, format: 'onnx' } }, path: 'spec.url' };
  const trigger = { condition: { operator: 'gt', metric: 'num_of_samples', threshold: 1 } };
  const spec = {
    dataset: { name: 'd', trainProb: 0.5 },
    initialModel: { name: 'm' },
    trainSpec: { template: {}, trigger },
    evalSpec: { template: {} },
    deploySpec: { model: { name: 'm' }, trigger, hardExampleMining: { name: 'IBT' }, template: {} },
    outputDir: location,
  };
  return { value: { ...head, kind: 'IncrementalLearningJob', spec }, path: 'spec.outputDir' };
}

const node: Parser<LocationInput> = {
  name: 'local controller',
  judge({ path, location }): Found {
    try {
      nodePath(path, location);
      return { verdict: 'accept' };
    } catch (error) {
      if (!(error instanceof ApplicationFailure)) throw error;
      return {
        verdict: 'refuse',
        reason: error.type ?? '',
        path: /^(\S+): /.exec(error.message)?.[1],
        message: error.message,
      };
    }
  },
};
