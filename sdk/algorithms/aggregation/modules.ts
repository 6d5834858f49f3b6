/** Strategies that are not of this SDK: modules of whoever runs a node, which no manifest can name. */
import { stat } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { algorithms } from '../registry.ts';
import { AggregationError } from './errors.ts';
import { checkSameLayout } from './kernel/layout.ts';
import type { Aggregate, AggregationRound, Strategy, StrategyFactory, StrategyParameters } from './strategy.ts';
import { TensorFile } from '../../tensors/tensor-file.ts';

/** By name; `file`: that a factory is from. */
export type ModuleStrategies = ReadonlyMap<string, { file: string; factory: StrategyFactory }>;

/**
 * Imports files that export `strategies`, an object of factories by name. Throws `AggregationError` `BadStrategyModule` for a file that
 * cannot be imported, exports none, or has a name that is taken.
 */
export async function loadStrategies(files: readonly string[]): Promise<ModuleStrategies> {
  const found = new Map<string, { file: string; factory: StrategyFactory }>();
  for (const file of files) {
    for (const [name, factory] of Object.entries(await strategiesOf(file))) {
      if (typeof factory !== 'function') throw bad(file, `strategies.${name} is no function`);
      if (algorithms.has('aggregation', name)) throw bad(file, `strategies.${name}: there is one of that name already`);
      const other = found.get(name);
      if (other !== undefined) throw bad(file, `strategies.${name} is in ${other.file} already`);
      found.set(name, { file, factory: guarded(name, file, factory as StrategyFactory) });
    }
  }
  return found;
}

async function strategiesOf(file: string): Promise<Record<string, unknown>> {
  let module: { strategies?: unknown };
  try {
    // A process that stays takes a file up anew when it has changed.
    const { mtimeMs } = await stat(file);
    module = (await import(`${pathToFileURL(file).href}?${mtimeMs}`)) as { strategies?: unknown };
  } catch (error) {
    throw bad(file, `cannot be imported: ${(error as Error).message}`, error);
  }
  const { strategies } = module;
  if (typeof strategies === 'object' && strategies !== null && Object.keys(strategies).length > 0) {
    return strategies as Record<string, unknown>;
  }
  throw bad(file, 'exports no "strategies": export const strategies = { Name: (parameters) => ({ aggregate }) }');
}

function bad(file: string, message: string, cause?: unknown): AggregationError {
  return new AggregationError('BadStrategyModule', `${file}: ${message}`, { cause });
}

/** What such code throws is named by strategy and file, and what it makes is looked at before anybody trains on it. */
function guarded(name: string, file: string, factory: StrategyFactory): StrategyFactory {
  const where = `strategy ${name} of ${file}`;
  return (parameters: StrategyParameters = {}): Strategy => {
    const strategy = named('InvalidParameter', 'spec.aggregation.parameters', () => factory(parameters));
    if (typeof strategy?.aggregate !== 'function') {
      throw new AggregationError('BadStrategyModule', `${where} gives no object with a function aggregate(round)`);
    }
    if (strategy.pace === 'buffer') {
      throw new AggregationError('BadStrategyModule', `${where}: pace: only FedBuff has a buffer; leave it out`);
    }
    const { minUpdates = 1 } = strategy;
    if (!Number.isSafeInteger(minUpdates) || minUpdates < 1) {
      throw new AggregationError('BadStrategyModule', `${where}: minUpdates: must be a whole number from 1`);
    }
    return { ...strategy, aggregate: (round) => checkedAggregate(where, strategy, round) };
  };
}

async function checkedAggregate(where: string, strategy: Strategy, round: AggregationRound): Promise<Aggregate> {
  const made = await aggregateOf(where, strategy, round);
  if (made?.model?.path === undefined) {
    throw new AggregationError(
      'StrategyFailed',
      `${where}: aggregate(round) gives no model; kernel.mean(…, out.model) makes one`,
    );
  }
  await checkModel(where, made.model.path, round.global);
  const { model, state, used = round.updates.map(({ client }) => client), left = [], metrics = {} } = made;
  // A mean over nothing is NaN: no reason to lose the round, and nothing to tell either.
  const told = Object.fromEntries(Object.entries(metrics ?? {}).filter(([, value]) => Number.isFinite(value)));
  return { model, ...(state === undefined ? {} : { state }), used, left, metrics: told };
}

/** Whatever it throws is named, also where `aggregate` is no async function. */
async function aggregateOf(
  where: string,
  strategy: Strategy,
  round: AggregationRound,
): Promise<Partial<Aggregate> | undefined> {
  try {
    return await strategy.aggregate(round);
  } catch (error) {
    throw asNamed('StrategyFailed', where, error);
  }
}

async function checkModel(where: string, path: string, global: TensorFile): Promise<void> {
  const model = await TensorFile.open(path);
  try {
    checkSameLayout([global, model]);
    for (const { name } of model.entries) {
      if ((await model.floats(name)).every(Number.isFinite)) continue;
      throw new AggregationError('ResultNotFinite', `${where}: tensor ${JSON.stringify(name)} holds NaN or infinity`);
    }
  } finally {
    await model.close();
  }
}

function named<T>(reason: 'InvalidParameter', where: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw asNamed(reason, where, error);
  }
}

/** Errors that have a reason of their own keep it. */
function asNamed(reason: 'InvalidParameter' | 'StrategyFailed', where: string, error: unknown): Error {
  if (error instanceof Error && 'reason' in error) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new AggregationError(reason, `${where}: ${message}`, { cause: error });
}
