import { MINING_MODES } from '../../crds/lib/joint-inference.ts';
import type { MiningMode } from '../../crds/lib/joint-inference.ts';
import { Context } from './context.ts';
import type { AlgorithmSpec, Environment } from './context.ts';

/** What the local controller tells a worker, read once. */
export interface WorkerConfig {
  /** Base URL of the node's local controller. */
  lcServer: string;
  namespace: string;
  workerName: string;
  /** Name of the owning object: the job, else the service. */
  ownerName: string;
  /** Leading part of container paths that reported URLs must not show, so that they are paths of the node. */
  dataPathPrefix: string;
  /** Where a training saves to, and where inference loads from: a directory or a file. */
  modelUrl?: string;
  modelName?: string;
  modelPath?: string;
  /** `file`, or another scheme whose existence nobody checks. */
  modelLoadMode: string;
  /** Models to judge, in order: the new one first, the deployed one second. */
  modelUrls: string[];
  baseModelUrl?: string;
  pretrainedModelUrl?: string;
  trainDatasetUrl?: string;
  testDatasetUrl?: string;
  originalDatasetUrl?: string;
  hardExampleMining?: AlgorithmSpec;
  /** When an edge worker looks for hard examples: in the little model's results, or in the inputs before it (`MINING_MODE`). */
  miningMode: MiningMode;
  /** Where the big model of a joint inference service is reached (`BIG_MODEL_IP`, `BIG_MODEL_PORT`). */
  bigModel?: { host: string; port: number };
  /** Name of the tier of a joint inference service that this worker belongs to; absent at the edge (`SEDNA_TIER`). */
  tier?: string;
  /** Answers of the big model that take longer count against it, in ms (`SEDNA_PATIENCE_MS`). */
  patienceMs?: number;
  /** Time between two reports of a serving worker, in seconds (`LC_PERIOD`). */
  reportPeriodSeconds: number;
  /** Present when the model is to be swapped inside the running worker. */
  hotUpdate?: { configFile: string; pollSeconds: number };
}

export type { MiningMode };

export function readWorkerConfig(environment: Environment = process.env): WorkerConfig {
  const context = new Context(environment);
  const ownerName = context.get('JOB_NAME') ?? context.get('SERVICE_NAME', 'sedna');
  return {
    lcServer: context.get('LC_SERVER', 'http://127.0.0.1:9100').replace(/\/+$/, ''),
    namespace: context.get('NAMESPACE', ownerName),
    reportPeriodSeconds: context.number('LC_PERIOD', 30, 1),
    workerName: context.get('WORKER_NAME', ownerName),
    ownerName,
    dataPathPrefix: context.get('DATA_PATH_PREFIX', '/home/data'),
    modelUrl: context.get('MODEL_URL'),
    modelName: context.get('MODEL_NAME'),
    modelPath: context.get('MODEL_PATH'),
    modelLoadMode: context.get('MODEL_LOAD_MODE', 'file'),
    modelUrls: (context.get('MODEL_URLS') ?? '').split(';').filter((url) => url !== ''),
    baseModelUrl: context.get('BASE_MODEL_URL'),
    pretrainedModelUrl: context.get('PRETRAINED_MODEL_URL'),
    trainDatasetUrl: context.get('TRAIN_DATASET_URL'),
    testDatasetUrl: context.get('TEST_DATASET_URL'),
    originalDatasetUrl: context.get('ORIGINAL_DATASET_URL'),
    hardExampleMining: context.algorithm('HEM'),
    miningMode: miningMode(context.get('MINING_MODE', MINING_MODES[0])),
    bigModel: bigModel(context),
    tier: context.get('SEDNA_TIER'),
    patienceMs:
      context.get('SEDNA_PATIENCE_MS') === undefined ? undefined : context.number('SEDNA_PATIENCE_MS', 500, 1),
    hotUpdate: hotUpdate(context),
  };
}

function hotUpdate(context: Context): WorkerConfig['hotUpdate'] {
  if (!context.boolean('MODEL_HOT_UPDATE')) return undefined;
  return {
    configFile: context.require('MODEL_HOT_UPDATE_CONFIG'),
    pollSeconds: context.number('MODEL_POLL_PERIOD_SECONDS', 60, 1),
  };
}

function miningMode(given: string): MiningMode {
  const mode = MINING_MODES.find((name) => name === given);
  if (mode === undefined) throw new Error(`MINING_MODE: must be one of ${MINING_MODES.join(', ')}, not "${given}"`);
  return mode;
}

function bigModel(context: Context): WorkerConfig['bigModel'] {
  const host = context.get('BIG_MODEL_IP');
  return host === undefined ? undefined : { host, port: context.number('BIG_MODEL_PORT', 5000, 1) };
}
