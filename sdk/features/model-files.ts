import { stat } from 'node:fs/promises';
import path from 'node:path';
import { localPath } from '../storage/index.ts';
import type { WorkerConfig } from '../worker/config.ts';
import type { WorkerResult } from '../worker/protocol.ts';
import type { Metrics } from '../estimators/estimator.ts';

const DEFAULT_NAME = 'model.onnx';

/**
 * The file that a training saves and inference loads: `MODEL_URL` if it is a file or of a scheme that nobody checks, else `MODEL_PATH`,
 * else the model's name inside the directory `MODEL_URL`.
 */
export async function modelFile(config: WorkerConfig): Promise<string> {
  const { modelUrl, modelPath, modelLoadMode } = config;
  if (modelUrl === undefined) throw new Error('MODEL_URL is not set; it names the directory or file of the model');
  if (modelLoadMode !== 'file') return modelUrl;
  const place = localPath(modelUrl);
  if (await isFile(place)) return place;
  return modelPath ? localPath(modelPath) : path.join(place, fileName(config));
}

/** The file that `MODEL_URL` names where it need not exist yet: with an extension it is the file itself, else as {@link modelFile}. */
export async function modelTarget(config: WorkerConfig): Promise<string> {
  const { modelUrl = '', modelLoadMode } = config;
  if (modelLoadMode !== 'file' || path.extname(modelUrl) === '' || (await isDirectory(localPath(modelUrl)))) {
    return modelFile(config);
  }
  return localPath(modelUrl);
}

/** A model to read: the URL itself, or the model's file inside if it is a directory. */
export async function existingModelFile(url: string, config: WorkerConfig): Promise<string> {
  if (config.modelLoadMode !== 'file') return url;
  const place = localPath(url);
  return (await isDirectory(place)) ? path.join(place, fileName(config)) : place;
}

/** What is reported about a model: its path on the node, the format from its extension, its metrics. */
export function modelResult(file: string, metrics: Metrics | null, config: WorkerConfig): WorkerResult {
  return { format: path.extname(file).slice(1), url: stripPrefix(file, config.dataPathPrefix), metrics };
}

/** Removes a leading directory. Unlike a plain text prefix, `/home/data` does not match `/home/database`. */
export function stripPrefix(file: string, prefix: string): string {
  const directory = prefix.replace(/\/+$/, '');
  return directory !== '' && file.startsWith(`${directory}/`) ? file.slice(directory.length) : file;
}

// A name comes from outside and must stay inside the directory.
function fileName({ modelName }: WorkerConfig): string {
  if (modelName !== undefined && path.basename(modelName) !== modelName) {
    throw new Error(`MODEL_NAME: must be a file name without a directory, not ${JSON.stringify(modelName)}`);
  }
  return modelName ?? DEFAULT_NAME;
}

const isFile = async (file: string) => (await statOf(file))?.isFile() ?? false;
const isDirectory = async (file: string) => (await statOf(file))?.isDirectory() ?? false;

async function statOf(file: string) {
  try {
    return await stat(file);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
