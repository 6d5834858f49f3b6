/** A worker that does what its variable DO says (behind a colon: with what); each is one way in which real ones end. Speaks Sedna's worker contract by hand. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const { DO = 'well', LC_SERVER, WORKER_NAME: name, MODEL_URL, MODEL_URLS, MODEL_HOT_UPDATE_CONFIG } = process.env;
const kind = MODEL_URLS ? 'eval' : process.env.TRAIN_DATASET_URL ? 'train' : 'inference';

async function report(body) {
  const answer = await fetch(`${LC_SERVER}/sedna/workers/${name}/info`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, kind, status: 'completed', ...body }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

function trained({ file = 'model.onnx', format = 'onnx', write = true } = {}) {
  mkdirSync(MODEL_URL, { recursive: true });
  if (write) writeFileSync(`${MODEL_URL}/${file}`, 'a model');
  return { results: [{ format, url: `${MODEL_URL}/${file}`, metrics: { accuracy: [0.5] } }] };
}

function judged(count = 2) {
  const results = MODEL_URLS.split(';').map((url) => ({ format: 'onnx', url, metrics: { accuracy: [0.5] } }));
  return { results: results.slice(0, count) };
}

/** Says of every hot update that the model does not load. */
async function refuseUpdates() {
  let seen = '';
  for (;;) {
    await delay(200);
    let config = '';
    try {
      config = readFileSync(MODEL_HOT_UPDATE_CONFIG, 'utf8');
    } catch {
      continue; // None so far.
    }
    if (config === seen) continue;
    seen = config;
    await report({ kind: 'deploy', status: 'failed', message: 'the model has 3 inputs, the camera gives 1' });
  }
}

const ways = {
  well: () => report(kind === 'eval' ? judged() : trained()),
  exit1() {
    console.error('no camera at /dev/video0');
    process.exit(1);
  },
  silent: () => undefined,
  sleep: () => delay(600_000),
  /** Ready until that file is there. */
  fade(file) {
    createServer((_request, answer) => {
      const isGone = existsSync(file);
      if (isGone) answer.statusCode = 503;
      answer.end(isGone ? 'the camera is gone' : 'here');
    }).listen(process.env.SEDNA_SERVE_PORT, '127.0.0.1');
  },
  serve: () => createServer((_request, answer) => answer.end()).listen(process.env.SEDNA_SERVE_PORT, '127.0.0.1'),
  'model-not-there': () => report(trained({ write: false })),
  'another-format': () => report(trained({ file: 'model.pb', format: 'pb' })),
  'one-of-two': () => report(judged(1)),
  'too-little-memory': () =>
    report({
      status: 'failed',
      message:
        'NotEnoughMemory: training needs about 9000 MiB, the limit is 2048 MiB: a batchSize up to 8 would fit (now 64)',
    }),
  'refuse-updates': refuseUpdates,
};
const [way, what] = DO.split(':');
await ways[way](what);
