/** Cloud worker: the image `sedna/sums-cloud`. Answers by the original's REST interface. */
import { serve } from '../../../sdk/index.ts';
import { bigAnswer } from './questions.ts';

const job = process.env['SERVICE_NAME'] ?? 'sums';
const server = await serve({
  models: [],
  http: { port: Number(process.env['SEDNA_SERVE_PORT'] ?? 5000) },
  predict: {
    job,
    handler: async (questions) => questions.map((question) => bigAnswer(String(question)) ?? 'I do not know'),
  },
});
process.once('SIGTERM', () => void server.close().then(() => process.exit(0)));
