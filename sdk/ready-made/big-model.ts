/**
 * Cloud worker that needs no code of yours: the image `sedna/big-model`. Serves an ONNX file under the name of the service, over the
 * Open Inference Protocol v2 (HTTP and gRPC) and the original's `POST /<service>/predict`.
 */
import { existingModelFile } from '../features/model-files.ts';
import { serve } from '../serving/index.ts';
import { readWorkerConfig } from '../worker/config.ts';
import { drainMs, servingEnvironment } from './lib/environment.ts';
import { supervisedModel, withoutRepository } from './lib/supervised-model.ts';

const config = readWorkerConfig();
const { port, grpcPort, signature } = servingEnvironment();
if (config.modelUrl === undefined) throw new Error('MODEL_URL is not set; it names the file of the model');
const file = await existingModelFile(config.modelUrl, config);
const model = supervisedModel({ name: config.ownerName, file, signature });
await model.load();
const server = await serve({
  models: [withoutRepository(model)],
  http: { port },
  ...(grpcPort !== undefined && { grpc: { port: grpcPort } }),
  limits: { drainMs },
  predict: { job: config.ownerName, model: config.ownerName },
});
console.log(`serving ${file} as ${model.name}, version ${model.version()}, on port ${server.ports.http}`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void server.close().then(() => process.exit(0)));
}
