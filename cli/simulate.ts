import type { Command } from 'commander';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SimulatedClient } from '../sdk/features/federated/simulated-client.ts';
import { readWeights } from '../sdk/tensors/index.ts';
import { clientIds } from '../workflows/lib/federated/client-ids.ts';
import { badUsage, EXIT, type CliError } from './lib/errors.ts';
import { printDocument, withOutput, type Format } from './lib/output.ts';
import { loadClient } from './lib/simulation/client-module.ts';
import { csvOf, svgOf } from './lib/simulation/curve.ts';
import { clientData } from './lib/simulation/data.ts';
import { parsePartition } from './lib/simulation/partition.ts';
import { firstWeights, readPlan, type SimulationPlan } from './lib/simulation/plan.ts';
import { simulate, type SimulatedJob, type SimulatedRound } from './lib/simulation/rounds.ts';
import { ClientThreads } from './lib/simulation/threads.ts';

interface SimulateOptions {
  filename: string;
  client: string;
  clients?: string;
  partition?: string;
  rounds?: string;
  strategies: string[];
  test?: string;
  metric: string;
  seed?: string;
  threads: string;
  directory: string;
  output: Format;
}

export function register(program: Command): void {
  const command = program
    .command('simulate')
    .description(
      'the rounds of a FederatedLearningJob on this machine, without nodes: same selection, checks and aggregation',
    )
    .requiredOption('-f, --filename <file>', 'manifest with the job, its Datasets and its Model')
    .requiredOption('--client <module>', 'JavaScript or TypeScript module that exports load(url) and estimator()')
    .option('--clients <number>', 'divide all datasets among so many clients (default: a client per training worker)')
    .option('--partition <how>', 'iid, dirichlet:ALPHA or shards:PER_CLIENT; needs --clients (default: iid)')
    .option('--rounds <number>', 'in the place of spec.rounds.total')
    .option('--strategies <file...>', 'modules with strategies of your own, as a node lists them', [])
    .option('--test <url>', 'dataset that judges the global model after each round')
    .option('--metric <name>', 'that the picture shows', 'accuracy')
    .option('--seed <number>', 'of the partition; needs --clients (default: 0)')
    .option('--threads <number>', 'that train', String(availableParallelism()))
    .option('--directory <dir>', 'where rounds.csv and the picture go', 'simulation');
  withOutput(command).action(run);
}

async function run(options: SimulateOptions): Promise<void> {
  const plan = readPlan(options.filename);
  const missing = options.strategies.find((file) => !existsSync(file));
  if (missing !== undefined) throw usage(`--strategies ${missing}`, 'there is no such file');
  if (options.rounds !== undefined) plan.fields.rounds.total = count('--rounds', options.rounds);
  const module = await loadClient(options.client);
  const data = await clientData(module, plan.datasets, divisionOf(options));
  const clients = clientIds(data.parts.length);
  const scratch = mkdtempSync(join(tmpdir(), 'sedna-simulation-'));
  const remove = (): void => rmSync(scratch, { recursive: true, force: true });
  const interrupted = (): never => process.exit(EXIT.interrupted);
  const terminated = (): never => process.exit(143);
  // A signal alone would end the process without it.
  process.once('exit', remove).once('SIGINT', interrupted).once('SIGTERM', terminated);
  const policy = plan.fields.updates;
  const threads = await ClientThreads.start(Math.min(count('--threads', options.threads), clients.length), {
    ...{ module: options.client, ...data, clients, policy, directory: scratch },
  });
  try {
    const initial = await firstWeights(plan.models);
    const testSet = options.test ?? plan.test;
    const test = testSet === undefined ? undefined : await judge(module, testSet);
    const { strategies } = options;
    const job = {
      fields: plan.fields,
      clients,
      threads,
      strategies,
      initial,
      directory: scratch,
      ...(test && { test }),
    };
    await tell(options, plan, job);
  } finally {
    await threads.close();
    remove();
    process.off('exit', remove).off('SIGINT', interrupted).off('SIGTERM', terminated);
  }
}

async function tell(options: SimulateOptions, plan: SimulationPlan, job: SimulatedJob): Promise<void> {
  const isTable = options.output === 'table';
  const { total } = plan.fields.rounds;
  if (isTable)
    console.log(
      `${plan.job}: ${job.clients.length} clients, ${plan.fields.aggregation.strategy}, at most ${total} rounds`,
    );
  const rounds: SimulatedRound[] = [];
  for await (const round of simulate(job)) {
    rounds.push(round);
    if (isTable) console.log(lineOf(round, total));
  }
  const files = write(options, plan, rounds);
  if (isTable) for (const file of files) console.log(`written: ${file}`);
  else printDocument({ job: plan.job, clients: job.clients.length, rounds, files }, options.output as 'json');
}

function lineOf({ round, clients, refused, samples, metrics, seconds }: SimulatedRound, total: number): string {
  const figures = Object.entries(metrics).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  const left = refused === 0 ? '' : `, ${refused} refused`;
  return `round ${round}/${total}  ${clients} clients${left}, ${samples} samples  ${figures.join('  ')}  (${seconds.toFixed(1)} s)`;
}

function write(
  { directory, metric, output }: SimulateOptions,
  { job }: SimulationPlan,
  rounds: SimulatedRound[],
): string[] {
  mkdirSync(directory, { recursive: true });
  const files = [join(directory, 'rounds.csv')];
  writeFileSync(files[0] as string, csvOf(rounds));
  // What a test set says is the better picture.
  const name = rounds.some(({ metrics }) => metrics[`test_${metric}`] !== undefined) ? `test_${metric}` : metric;
  const points = rounds.flatMap(({ round, metrics }) => {
    const value = metrics[name];
    return value === undefined ? [] : [{ round, value }];
  });
  if (points.length === 0 && output === 'table')
    console.error(`--metric ${metric}: no round reports it, so there is no picture${reported(rounds)}`);
  const picture = svgOf({ title: `${job}: ${name} by round`, metric: name, points });
  if (picture === undefined) return files;
  files.push(join(directory, `${name.replace(/[^\w.-]/g, '_')}.svg`));
  writeFileSync(files[1] as string, picture);
  return files;
}

function reported(rounds: SimulatedRound[]): string {
  const names = [...new Set(rounds.flatMap(({ metrics }) => Object.keys(metrics)))];
  return names.length === 0 ? '' : `; they report ${names.join(', ')}`;
}

/** The test set stays in memory, and one estimator judges all rounds. */
async function judge(module: SimulatedClient, url: string): Promise<NonNullable<SimulatedJob['test']>> {
  const samples = await module.load(url);
  const estimator = module.estimator();
  if (!estimator.setWeights || !estimator.evaluate)
    throw badUsage('--test: estimator() has no setWeights or no evaluate');
  return async (file) => {
    await estimator.setWeights?.({ ...(await estimator.getWeights?.()), ...(await readWeights(file)) });
    const metrics = (await estimator.evaluate?.(samples)) ?? {};
    return Object.fromEntries(Object.entries(metrics).map(([name, values]) => [name, values.at(-1) ?? NaN]));
  };
}

function divisionOf({ clients, partition, seed }: SimulateOptions): Parameters<typeof clientData>[2] {
  if (clients === undefined) {
    const given = partition === undefined ? (seed === undefined ? undefined : '--seed') : '--partition';
    if (given === undefined) return undefined;
    throw usage(given, 'needs --clients: without it each training worker has its own dataset');
  }
  const division = parsePartition(partition ?? 'iid');
  return { partition: division, clients: count('--clients', clients), seed: wholeNumber('--seed', seed ?? '0') };
}

function count(option: string, text: string): number {
  const number = wholeNumber(option, text);
  if (number < 1) throw usage(`${option} ${text}`, 'at least 1 is needed');
  return number;
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number))
    throw usage(`${option} ${text}`, 'a whole number is needed');
  return number;
}

function usage(what: string, message: string): CliError {
  return badUsage(`${what}: ${message}`);
}
