/** Edge worker: the image `sedna/sums-edge`. Routes each question by its text; answers it here, or has the cloud answer it. */
import { functionModel, JointInference, serve } from '../../../sdk/index.ts';
import { littleAnswer } from './questions.ts';

/** Questions and answers are lists of one text, as the original's REST interface wants them. */
const joint = new JointInference<string[], string[]>({
  estimator: { load: async () => undefined, predict: async ([question = '']) => [littleAnswer(question)] },
});
await joint.start();
const server = await serve({
  http: { port: Number(process.env['SEDNA_SERVE_PORT'] ?? 8080) },
  models: [
    functionModel({
      name: 'sums',
      inputs: [{ name: 'question', datatype: 'string', shape: [1] }],
      outputs: [{ name: 'answer', datatype: 'string', shape: [1] }],
      async infer({ question }, { id, signal }) {
        const text = String(question?.data[0]);
        const { result, degraded, decision } = await joint.inference([text], { requestId: id, signal });
        const { answeredBy, reason } = decision;
        return {
          outputs: { answer: { datatype: 'string', shape: [1], data: result as string[] } },
          parameters: { answered_by: answeredBy, reason, degraded },
        };
      },
    }),
  ],
});
process.once('SIGTERM', () => void Promise.all([server.close(), joint.close()]).then(() => process.exit(0)));
