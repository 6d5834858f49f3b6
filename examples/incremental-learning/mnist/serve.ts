/**
 * Inference worker: the image `sedna/mnist-serve`. Open Inference Protocol v2 over HTTP on $PORT, model `digits`;
 * `POST /predict {"image": [784 values 0..1]}` also says whether the sample is a hard example.
 */
import { createInferenceServer, IncrementalLearning, ModelSlot, type Estimator } from '../../../sdk/index.ts';
import { OnnxModel } from '../../../sdk/estimators/onnx/index.ts';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { classes, pixels } from './digits.ts';

const slot = new ModelSlot('digits');

const estimator: Estimator<unknown, number[], number[]> = {
  async load(path) {
    const bytes = await readFile(path);
    slot.swap(
      await OnnxModel.open(bytes, { threads: 1 }),
      createHash('sha256').update(bytes).digest('hex').slice(0, 12),
    );
    console.log(`serving ${path} as version ${slot.version()}`);
  },
  /** Probabilities of the classes: the model ends in a softmax. */
  async predict(image) {
    const [input] = slot.inputs;
    const { outputs } = await slot.infer({
      [input?.name ?? '']: { datatype: 'float32', shape: [1, pixels], data: Float32Array.from(image) },
    });
    return Array.from(Object.values(outputs)[0]?.data as Float32Array);
  },
};

const job = new IncrementalLearning({ estimator });
await job.start();
const server = createInferenceServer({ models: [slot] });
server.post<{ Body: { image?: number[] } }>('/predict', async ({ body }, reply) => {
  if (!Array.isArray(body.image) || body.image.length !== pixels) {
    return reply.code(400).send({ error: `image must be a list of ${pixels} numbers` });
  }
  const { edgeResult, isHard } = await job.inference(body.image);
  return { digit: edgeResult.indexOf(Math.max(...edgeResult)), probabilities: edgeResult.slice(0, classes), isHard };
});
const address = await server.listen({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 8080) });
console.log(`listening on ${address}`);

const stop = (): void => {
  void Promise.all([job.close(), server.close()]).then(() => process.exit(0));
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
