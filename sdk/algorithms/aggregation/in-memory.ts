import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Weights } from '../../estimators/estimator.ts';
import { TensorFile } from '../../tensors/tensor-file.ts';
import { readWeights, writeWeights } from '../../tensors/weights.ts';
import { Kernel } from './kernel/kernel.ts';
import type { ClientUpdate, Strategy } from './strategy.ts';

export interface MemoryUpdate extends Omit<ClientUpdate, 'file' | 'base'> {
  weights: Weights;
  base?: Weights;
}

export interface MemoryAggregate {
  model: Weights;
  used: string[];
  left: { client: string; reason: string }[];
  metrics: Record<string, number>;
}

/**
 * Rounds of one strategy on weights in memory, for simulations and tests: the same files and kernel as on a node, in a temporary
 * folder. What the strategy keeps is kept between calls. Close it.
 */
export class MemoryRounds {
  readonly #strategy: Strategy;
  readonly #kernel = new Kernel({ threads: 0 });
  #folder: string | undefined;
  #round = 0;
  #state: string | undefined;

  constructor(strategy: Strategy) {
    this.#strategy = strategy;
  }

  async aggregate(global: Weights, updates: readonly MemoryUpdate[]): Promise<MemoryAggregate> {
    this.#folder ??= await mkdtemp(path.join(tmpdir(), 'sedna-rounds-'));
    const at = (name: string): string => path.join(this.#folder as string, name);
    const round = ++this.#round;
    const open: TensorFile[] = [];
    const file = async (name: string, weights?: Weights): Promise<TensorFile> => {
      if (weights) await writeWeights(at(name), weights);
      const opened = await TensorFile.open(at(name));
      open.push(opened);
      return opened;
    };
    try {
      const files: ClientUpdate[] = [];
      for (const [i, { weights, base, ...update }] of byClient(updates).entries()) {
        const start = base && { base: await file(`base-${i}`, base) };
        files.push({ ...update, ...start, file: await file(`update-${i}`, weights) });
      }
      const { model, state, ...rest } = await this.#strategy.aggregate({
        ...{ round, global: await file('global', global), updates: files, kernel: this.#kernel },
        ...(this.#state === undefined ? {} : { state: await file(this.#state) }),
        out: { model: at('model'), state: at(`state-${round}`) },
      });
      this.#state = state && path.basename(state.path);
      return { model: await readWeights(model.path), ...rest };
    } finally {
      for (const one of open) await one.close();
    }
  }

  async close(): Promise<void> {
    await this.#kernel.close();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }
}

const byClient = (updates: readonly MemoryUpdate[]): MemoryUpdate[] =>
  [...updates].sort((a, b) => (a.client < b.client ? -1 : 1));

/** One round of a strategy on weights in memory. */
export async function aggregateInMemory(
  strategy: Strategy,
  global: Weights,
  updates: readonly MemoryUpdate[],
): Promise<MemoryAggregate> {
  const rounds = new MemoryRounds(strategy);
  try {
    return await rounds.aggregate(global, updates);
  } finally {
    await rounds.close();
  }
}
