/** What a simulation needs of a manifest file: the job, the URLs of its datasets, the model that round 1 starts from. */
import { readFile } from 'node:fs/promises';
import { planFields, type FederatedLearningJobFields } from '../../../crds/fields.ts';
import type { Manifest } from '../../../crds/lib/kind.ts';
import { formatErrors, validateManifest } from '../../../crds/validate.ts';
import type { Weights } from '../../../sdk/estimators/estimator.ts';
import { modelWeights } from '../../../sdk/features/federated/weights.ts';
import { isLocal, localPath } from '../../../sdk/storage/index.ts';
import { isMistNet } from '../../../workflows/lib/federated/mist-net.ts';
import { isWorker } from '../../../workflows/lib/federated/user-aggregator.ts';
import { CliError } from '../errors.ts';
import { readDocuments } from '../manifest-files.ts';

export interface SimulationPlan {
  job: string;
  fields: FederatedLearningJobFields;
  /** Of each training worker. */
  datasets: string[];
  /** Of the test data, where the job judges centrally. */
  test?: string;
  /** Of the pretrained Model, then of the Model: the first file that is there is taken. */
  models: string[];
}

export function readPlan(file: string): SimulationPlan {
  const manifests = readDocuments(file).map(({ value, line, source }) => {
    const verdict = validateManifest(value);
    if (!verdict.ok)
      throw refused(`${source}:${line}: not valid\n${formatErrors(verdict.errors).replace(/^/gm, '  ')}`);
    return verdict.manifest;
  });
  const jobs = manifests.filter(({ kind }) => kind === 'FederatedLearningJob');
  const [job] = jobs;
  if (job === undefined || jobs.length > 1)
    throw refused(`${file}: has ${jobs.length} FederatedLearningJobs; one is simulated`);
  const fields = planFields('FederatedLearningJob', job.spec);
  const urlOf = (kind: string, name: string, path: string): string => {
    const { spec } =
      manifests.find((one) => one.kind === kind && one.metadata.name === name) ?? missing(kind, name, path);
    return (spec as { url: string }).url;
  };
  const { pretrainedModel, model, evaluation, startFrom } = fields;
  if (isWorker(fields))
    throw refused(
      'spec.aggregation.strategy: Worker is not simulated: an image is run on the node that aggregates; leave the strategy out or name another one here, and apply the job as it is',
    );
  if (isMistNet(fields))
    throw refused(
      'spec.aggregation.strategy: MistNet is not simulated: its clients train nothing, and what a node sends once is no matter of rounds; apply the job',
    );
  if (fields.selection.strategy === 'ByLabel')
    throw refused(
      'spec.clientSelection.strategy: ByLabel is not simulated: a simulation has no nodes, and so no labels; leave it out or name another one here',
    );
  if (startFrom !== undefined)
    throw refused('spec.startFrom: a simulation knows no other job; leave it out, or name a spec.pretrainedModel');
  const test = evaluation.where === 'Central' ? evaluation.dataset : undefined;
  return {
    job: job.metadata.name,
    fields,
    datasets: fields.clients.map(({ dataset }, i) =>
      urlOf('Dataset', dataset, `spec.trainingWorkers[${i}].dataset.name`),
    ),
    ...(test === undefined ? {} : { test: urlOf('Dataset', test, 'spec.evaluation.dataset.name') }),
    models: [
      ...(pretrainedModel === undefined ? [] : [urlOf('Model', pretrainedModel, 'spec.pretrainedModel.name')]),
      urlOf('Model', model, 'spec.aggregationWorker.model.name'),
    ],
  };
}

/** Weights of the first of these models that is a local ONNX file; undefined: round 1 starts from what the clients begin with. */
export async function firstWeights(models: string[]): Promise<Weights | undefined> {
  for (const url of models.filter(isLocal)) {
    const bytes = await readFile(localPath(url)).catch(() => undefined);
    const weights = bytes && modelWeights(bytes, url);
    if (weights !== undefined) return weights;
  }
  return undefined;
}

function missing(kind: string, name: string, path: string): Manifest {
  throw refused(`${path}: ${kind} ${name} is not in the file; a simulation needs it there`);
}

function refused(message: string): CliError {
  return new CliError(message, { code: 'InvalidSpec', hint: 'nothing was simulated' });
}
