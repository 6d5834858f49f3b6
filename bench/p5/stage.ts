/** A training or evaluation worker that does nothing but report: every model it was given, or a new file, is twice as good. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { WORKER_NAME = '', LC_SERVER = '', NAMESPACE, JOB_NAME, MODEL_URL, MODEL_URLS } = process.env;

function trained(directory: string): string {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'model.onnx');
  writeFileSync(file, `model of ${WORKER_NAME}`);
  return file;
}

const urls = MODEL_URLS?.split(';') ?? [trained(MODEL_URL ?? '.')];
const report = {
  name: WORKER_NAME,
  namespace: NAMESPACE,
  ownerName: JOB_NAME,
  kind: MODEL_URLS === undefined ? 'train' : 'eval',
  status: 'completed',
  results: urls.map((url, i) => ({ format: 'onnx', url, metrics: { accuracy: [1 - i / 2] } })),
};
await fetch(`${LC_SERVER}/sedna/workers/${WORKER_NAME}/info`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(report),
});
