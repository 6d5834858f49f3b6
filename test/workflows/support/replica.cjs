/** A service worker that knows nothing of this project: answers with what it is, dies when it is told to, reports as Sedna's does. */
const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');

const { env } = process;
const model = readFileSync(env.MODEL_URL, 'utf8');
if (model === 'broken') {
  console.error('cannot load this model');
  process.exit(7);
}
let served = 0;

async function report(counts) {
  const body = {
    name: env.WORKER_NAME,
    namespace: env.NAMESPACE,
    ownerName: 'sedna',
    ownerKind: 'jointinferenceservice',
  };
  await fetch(`${env.LC_SERVER}/sedna/workers/${env.WORKER_NAME}/info`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, kind: 'inference', results: [], ownerInfo: counts }),
  });
}

const server = createServer((incoming, outgoing) => {
  let text = '';
  incoming.on('data', (chunk) => (text += chunk));
  incoming.on('end', async () => {
    if (incoming.url === '/die') process.exit(9);
    if (incoming.url === '/report') await report(JSON.parse(text));
    served += 1;
    const answer = { worker: env.WORKER_NAME, model, served, env: incoming.url === '/env' ? env : undefined };
    setTimeout(() => outgoing.end(JSON.stringify(answer)), Number(env.ANSWER_MS ?? 20));
  });
});
const port = env.BIG_MODEL_BIND_PORT ?? env.SEDNA_SERVE_PORT;
setTimeout(() => server.listen(port, '127.0.0.1'), Number(env.LOAD_MS ?? 50));
process.once('SIGTERM', () => server.close(() => process.exit(0)));
