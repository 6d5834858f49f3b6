/** What the demo leaves its reader with. */
import { fileURLToPath } from 'node:url';
import { findBinary } from '../../../deploy/local/binaries.ts';
import type { StackState } from '../../../deploy/local/state.ts';
import type { Narrator } from '../../lib/narrator.ts';
import { pathForReader } from '../../lib/paths.ts';
import { job } from './job-teller.ts';
import type { IncrementalSummary } from './summary.ts';
import { percent } from './words.ts';

const workflowId = `sedna/incrementallearningjob/${job.namespace}/${job.name}`;

export function workflowUrl(ui: string): string {
  return `${ui}/namespaces/default/workflows/${encodeURIComponent(workflowId)}`;
}

export function tellResults(narrator: Narrator, summary: IncrementalSummary, firstProblem: string | undefined): void {
  narrator.plain('');
  for (const { round, samples, accuracyBefore, accuracyAfter, deployed } of summary.rounds) {
    const change = `accuracy ${percent(accuracyBefore)} → ${percent(accuracyAfter)}`;
    narrator.plain(`round ${round}: ${samples} samples, ${change}, ${deployed ? 'deployed' : 'not deployed'}`);
  }
  for (const { version, requests, accuracy } of summary.served) {
    narrator.plain(`version ${version}: ${requests} requests answered, ${percent(accuracy)} of them right`);
  }
  const why = firstProblem === undefined ? '' : ` (the first: ${firstProblem})`;
  narrator.plain(`${summary.requests} requests, ${summary.droppedRequests} dropped${why}`);
}

/** Commands for a reader who kept the stack, to be typed in the same folder. */
export function tellThingsToTry(narrator: Narrator, folder: string, stack: StackState): void {
  narrator.title('Things to try');
  for (const line of thingsToTry(folder, stack)) narrator.command(line);
  narrator.plain(`Temporal UI: ${workflowUrl(stack.temporal.ui)}`);
}

function thingsToTry(folder: string, { temporal, components, kubeconfig }: StackState): string[] {
  const feeder = pathForReader(fileURLToPath(new URL('feed.ts', import.meta.url)));
  const controller = components.find(({ name }) => name === 'lc/edge-1');
  const found = findBinary('temporal');
  const cli = found === undefined || found.source === 'PATH' ? 'temporal' : found.path;
  const annotate = `kubectl annotate --overwrite il ${job.name} sedna.io/trigger=$(date +%s)`;
  return [
    `${pathForReader(process.execPath)} ${feeder} 300 ${pathForReader(folder)}   # new samples, too few for the trigger: say it yourself`,
    `npx sedna explain il/${job.name}`,
    ...(kubeconfig === undefined ? [] : [`export KUBECONFIG=${pathForReader(kubeconfig)}`, annotate]),
    `npx sedna trigger il/${job.name}`,
    `${cli} workflow signal --address ${temporal.address} -w ${workflowId} --name trigger`,
    ...(controller === undefined
      ? []
      : [`kill -9 ${controller.pid}   # the controller of edge-1: it comes back and goes on`]),
    'npx sedna down',
  ];
}
