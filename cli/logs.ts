import type { Command } from 'commander';
import { CliError, EXIT } from './lib/errors.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { referenceOf } from './lib/references.ts';
import { withSession } from './lib/session.ts';
import { WorkerLog } from './lib/worker-log.ts';
import { workersOf, type NodeWorker } from './lib/workers.ts';

interface LogsOptions extends NamespaceOption {
  follow?: boolean;
  stage?: string;
}

export function register(program: Command): void {
  withNamespace(
    program
      .command('logs <worker>')
      .description('what a worker printed: the name of a worker, or KIND/NAME for the newest of an object')
      .option('-f, --follow', 'go on as it prints more, until it ends')
      .option(
        '--stage <stage>',
        'of an object: Train, Eval, Inference or Aggregation; of a service Edge, Tier, Cloud or Front',
      ),
  ).action(async (name: string, options: LogsOptions) => {
    const worker = await withSession(async (session) => choose(await workersOf(session), name, options));
    const log = new WorkerLog(worker, (bytes) => process.stdout.write(bytes));
    await (options.follow === true ? log.follow() : log.printAll());
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
