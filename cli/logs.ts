import type { Command } from 'commander';
import { setTimeout as delay } from 'node:timers/promises';
import { CliError, EXIT } from './lib/errors.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { referenceOf } from './lib/references.ts';
import { withSession } from './lib/session.ts';
import { workersOf, type NodeWorker } from './lib/workers.ts';

interface LogsOptions extends NamespaceOption {
  follow?: boolean;
  stage?: string;
}

const pollMs = 300;
const answerMs = 10_000;

export function register(program: Command): void {
  withNamespace(
    program
      .command('logs <worker>')
      .description('what a worker printed: the name of a worker, or KIND/NAME for the newest of an object')
      .option('-f, --follow', 'go on as it prints more')
      .option(
        '--stage <stage>',
        'of an object: Train, Eval, Inference or Aggregation; of a service Edge, Tier, Cloud or Front',
      ),
  ).action(async (name: string, options: LogsOptions) => {
    const worker = await withSession(async (session) => choose(await workersOf(session), name, options));
    let offset = await print(worker, 0);
    while (options.follow === true) {
      await delay(pollMs);
      offset = await print(worker, offset);
    }
  });
}

function choose(workers: NodeWorker[], name: string, { namespace, stage }: LogsOptions): NodeWorker {
  const matching = name.includes('/')
    ? ofObject(workers, name, namespace)
    : workers.filter((worker) => worker.name === name);
  const found = matching
    // Who names an object means its workers, not what stands in front of them.
    .filter((worker) => (stage === undefined ? worker.stage !== 'Front' || worker.name === name : isOf(worker, stage)))
    .sort((a, b) => (b.startedAt ?? '').localeCompare(a.startedAt ?? ''))[0];
  if (found !== undefined) return found;
  throw new CliError(`there is no worker for ${name}`, {
    code: 'NotFound',
    hint: 'sedna get workers lists them',
    exitCode: EXIT.notFound,
  });
}

function isOf(worker: NodeWorker, stage: string): boolean {
  return worker.stage.toLowerCase() === stage.toLowerCase();
}

function ofObject(workers: NodeWorker[], name: string, namespace: string): NodeWorker[] {
  const ref = referenceOf([name], namespace);
  return workers.filter(
    ({ owner }) => owner.kind === ref.kind && owner.namespace === ref.namespace && owner.name === ref.name,
  );
}

/** Prints from a byte offset on; returns where the next call begins. A shrunken (rotated) log is begun again. */
async function print(worker: NodeWorker, offset: number): Promise<number> {
  const answer = await fetch(`${worker.address}/sedna/workers/${worker.name}/log?offset=${offset}`, {
    signal: AbortSignal.timeout(answerMs),
  });
  if (!answer.ok)
    throw new CliError(`node ${worker.node} has no log of ${worker.name}`, {
      code: 'NotFound',
      exitCode: EXIT.notFound,
    });
  process.stdout.write(await answer.text());
  return Number(answer.headers.get('x-next-offset') ?? offset);
}
