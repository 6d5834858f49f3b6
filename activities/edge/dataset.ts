/** Datasets on a node: counting, waiting for a trigger, cutting the samples of a round. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { join } from 'node:path';
import type {
  AwaitTriggerInput,
  AwaitTriggerResult,
  DatasetObservation,
  PreparedSamples,
  PrepareSamplesInput,
  ResidentActivities,
  SampleSet,
  TriggerObservation,
} from '../contracts.ts';
import { writeFileAtomic, type BlobStore } from '../../sdk/storage/index.ts';
import type { EntitySignaller } from '../lib/signaller.ts';
import { keptEvalSets, trains, trainSamples, type Cursor } from '../../workflows/lib/samples.ts';
import type { DatasetIndex } from './lib/dataset-index.ts';
import type { DatasetWatchers, WatchedDataset } from './lib/dataset-watcher.ts';
import { heldUp } from './lib/held-up.ts';
import { News } from './lib/news.ts';
import { nodePath } from './lib/node-path.ts';
import { beating, until } from './lib/resident.ts';
import { Rewriting } from './lib/rewriting.ts';
import { readTaken, type TakenSamples } from './lib/taken-samples.ts';
import { TriggerClock } from './lib/trigger-clock.ts';

export interface DatasetDependencies {
  blobs: BlobStore;
  signaller: EntitySignaller;
  watchers: DatasetWatchers;
}

export type DatasetActivities = Pick<ResidentActivities, 'watchDataset' | 'awaitTrigger' | 'prepareSamples'>;

export function createDatasetActivities({ blobs, signaller, watchers }: DatasetDependencies): DatasetActivities {
  return {
    async watchDataset({ listener, dataset }) {
      const news = new News<DatasetObservation>(signaller, listener);
      try {
        await until<void>(() =>
          watchers.listen(dataset, ({ index, problem }) =>
            news.tell(problem === undefined ? { samples: index.count } : { problem }),
          ),
        );
      } finally {
        news.close();
      }
    },

    awaitTrigger: (input) => awaitTrigger(input, watchers, signaller),

    prepareSamples: (input) =>
      heldUp(signaller, { listener: input.listener, round: input.round, stage: 'Train' }, () =>
        beating(() => prepareSamples(input, blobs, watchers)),
      ),
  };
}

async function awaitTrigger(
  input: AwaitTriggerInput,
  watchers: DatasetWatchers,
  signaller: EntitySignaller,
): Promise<AwaitTriggerResult> {
  const news = new News<TriggerObservation>(signaller, input.listener);
  const clock = new TriggerClock(input.trigger);
  const rewriting = new Rewriting();
  try {
    return await until<AwaitTriggerResult>((found, failed) => {
      let watched: WatchedDataset | undefined;
      let busy = false;
      let again = false;
      const look = async (): Promise<void> => {
        if (watched === undefined) return;
        if (watched.problem !== undefined) return news.tell({ problem: watched.problem });
        const result = await consider(input, watched.index, { clock, rewriting }, news);
        if (result !== undefined) found(result);
      };
      // One evaluation at a time; changes that arrive meanwhile cause one more.
      const wake = (): void => {
        if (busy) return void (again = true);
        busy = true;
        look()
          .catch(failed)
          .finally(() => {
            busy = false;
            if (again) {
              again = false;
              wake();
            }
          });
      };
      const leave = watchers.listen(input.dataset, (dataset) => {
        watched = dataset;
        wake();
      });
      clock.onTick(wake);
      rewriting.onTick(wake);
      return leave;
    });
  } finally {
    clock.stop();
    rewriting.stop();
    news.close();
  }
}

/** Whether to take what is new now; undefined: go on waiting. */
async function consider(
  input: AwaitTriggerInput,
  index: DatasetIndex,
  { clock, rewriting }: { clock: TriggerClock; rewriting: Rewriting },
  news: News<TriggerObservation>,
): Promise<AwaitTriggerResult | undefined> {
  const { cursor, trainProb, manual, beyond } = input;
  const restarted = await isReplaced(index, cursor);
  // What was used must not be used again only because somebody is writing the same file anew.
  if (restarted && rewriting.mayBe(index, cursor.samples)) return undefined;
  const from = restarted ? 0 : cursor.samples;
  const to = index.count;
  const value = trainSamples(from, to, trainProb);
  if (manual === true && value === 0) return { restarted, ...(to > from ? { evaluateOnly: to - from } : {}) };
  const take = () => takeUpTo(index, to, { from, restarted, trainSamples: value });
  if (manual === true) return take();
  // A restarted count is told at once: the job must forget its cursor even if nothing fires yet.
  if (restarted && cursor.samples > 0) return { restarted };
  const verdict = clock.evaluate({ num_of_samples: value });
  news.tell({ value, fresh: to - from, windowOpen: verdict.window.open });
  const enough = value > 0 && (beyond === undefined || to > beyond);
  return verdict.fired && enough ? take() : undefined;
}

async function takeUpTo(
  index: DatasetIndex,
  to: number,
  { from, restarted, trainSamples }: { from: number; restarted: boolean; trainSamples: number },
): Promise<AwaitTriggerResult> {
  const closedDigest = index.openEnd && to === index.count ? await index.digestAt(to - 1) : undefined;
  const digest = (await index.digestAt(to)) ?? '';
  const end: Cursor = { samples: to, digest, ...(closedDigest === undefined ? {} : { closedDigest }) };
  return { take: { from, to: end, trainSamples }, restarted };
}

/** Are the first samples no longer those that the job counted? */
async function isReplaced(index: DatasetIndex, { samples, digest, closedDigest }: Cursor): Promise<boolean> {
  if (digest === '') return index.count < samples;
  if ((await index.digestAt(samples)) === digest) return false;
  // Its last line was counted before it was complete: still the same sample, which is not used again.
  const completed =
    closedDigest !== undefined && index.count >= samples && (await index.digestAt(samples - 1)) === closedDigest;
  return !completed;
}

async function prepareSamples(
  input: PrepareSamplesInput,
  blobs: BlobStore,
  watchers: DatasetWatchers,
): Promise<PreparedSamples> {
  const { dataset, take, trainProb, round, evalSets } = input;
  const taken = await readTaken(dataset, take, Date.now() - Context.current().info.scheduledTimestampMs).catch(
    async (error: unknown) => {
      if (isReplacement(error)) await watchers.recount(dataset);
      throw error;
    },
  );
  const records = taken.samples;
  const train = records.filter((_, i) => trains(take.from + i, trainProb));
  const held = records.filter((_, i) => !trains(take.from + i, trainProb));
  const root = nodePath('spec.outputDir', input.outputDir);
  const name = fileName(dataset.format);
  const keep = async (samples: string[]): Promise<SampleSet> => ({
    round,
    samples: samples.length,
    // JSON, not lines: a CSV record may hold line ends.
    blob: await blobs.put(JSON.stringify(samples)),
  });
  const evaluation = held.length === 0 ? undefined : await keep(held);
  // Each kept sample once: the sets of earlier rounds, then this round's.
  const sets = [
    ...evalSets.filter((set) => set.round !== round),
    ...(evaluation === undefined ? [] : [evaluation]),
  ].slice(-keptEvalSets);
  const judged: string[] = [];
  for (const set of sets) judged.push(...(JSON.parse((await blobs.read(set.blob)).toString('utf8')) as string[]));
  const trainUrl = join(root, 'data', 'train', String(round), name);
  const evalUrl = join(root, 'data', 'eval', String(round), name);
  await writeFileAtomic(trainUrl, content(train, taken));
  await writeFileAtomic(evalUrl, content(judged, taken));
  return {
    trainUrl,
    train: await keep(train),
    evalUrl,
    evalSamples: judged.length,
    ...(evaluation ? { evaluation } : {}),
  };
}

/** As the original names them (section 5.6). */
function fileName(format: string): string {
  return format === 'csv' ? 'data.csv' : format === 'json' ? 'data.json' : 'data.txt';
}

/** In the form of the dataset itself: CSV keeps its header, an array stays an array. */
function content(samples: string[], { isArray, header }: TakenSamples): string {
  if (isArray) return `[\n${samples.join(',\n')}\n]\n`;
  const all = header === undefined ? samples : [header, ...samples];
  return all.map((line) => `${line}\n`).join('');
}

function isReplacement(error: unknown): boolean {
  return error instanceof ApplicationFailure && error.type === 'DatasetReplaced';
}
