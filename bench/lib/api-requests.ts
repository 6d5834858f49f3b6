/** What the API server counts of itself. */
import { get } from 'node:https';
import type { Kube } from '../../activities/control/kube/client.ts';

/** Requests about this project's objects and events so far, without the watches that stay open. */
export async function apiRequests({ config }: Kube): Promise<number> {
  let sum = 0;
  for (const line of (await metrics(config)).split('\n')) {
    if (!line.startsWith('apiserver_request_total{') || line.includes('verb="WATCH"')) continue;
    const isOurs = line.includes('group="sedna.io"') || line.includes('resource="events"');
    if (isOurs) sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}

async function metrics(config: Kube['config']): Promise<string> {
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error('the kubeconfig names no cluster');
  const options = { timeout: 10_000 };
  await config.applyToHTTPSOptions(options);
  return new Promise((resolve, reject) => {
    const sent = get(`${server}/metrics`, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`/metrics of the API server: ${response.statusCode} ${text.slice(0, 200)}`));
      });
    });
    sent.on('timeout', () => sent.destroy(new Error('/metrics of the API server: no answer')));
    sent.on('error', reject);
  });
}
