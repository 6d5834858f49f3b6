/** What must hold of every run, whoever died in it: judged by its history, by what trainers wrote down, and by the stored updates. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BlobRef } from '../../../activities/contracts.ts';
import { readWeights } from '../../../sdk/index.ts';
import type { RunHistory } from './history.ts';
import type { Entry } from './trainer/diary.ts';

/** Numbers of a run for the report. */
export interface Counts {
  trainings: number;
  /** Of these, the ones that went on from a checkpoint or began again after a death. */
  repeated: number;
}

/** By client: what its trainers wrote down, in order. */
export function diaries(folder: string): Map<string, Entry[]> {
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return new Map(
    files.map((file) => [
      basename(file, '.jsonl'),
      readFileSync(join(folder, file), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Entry),
    ]),
  );
}

export function countsOf(books: Map<string, Entry[]>): Counts {
  const begun = [...books.values()].flat().filter(({ event }) => event === 'begins');
  return { trainings: begun.length, repeated: begun.length - new Set(begun.map(({ task }) => task)).size };
}

/** Nobody trains for an answer that the node has. */
export function trainedInVain(books: Map<string, Entry[]>): string[] {
  return [...books].flatMap(([worker, entries]) =>
    entries
      .filter(({ event, answered }) => event === 'begins' && answered)
      .map(({ task }) => `${worker} trained again for ${task}, which was answered`),
  );
}

/** No process trains twice for one task: it has what it trained. */
export function trainedTwice(books: Map<string, Entry[]>): string[] {
  return [...books].flatMap(([worker, entries]) => {
    const ends = entries.filter(({ event }) => event === 'ends').map(({ task, pid }) => `${task} by process ${pid}`);
    const twice = new Set(ends.filter((end, i) => ends.indexOf(end) < i));
    return [...twice].map((end) => `${worker} trained twice for ${end}`);
  });
}

/** Rounds once each and in order, from the first one on, `should` of them where that is said. */
export function roundsInOrder({ aggregations, heads }: RunHistory, should?: number): string[] {
  const numbers = [...aggregations, ...heads]
    .filter(({ result, givenUp }) => result !== undefined && givenUp === undefined)
    .map(({ input }) => input.round);
  const wanted = Array.from({ length: should ?? numbers.length }, (_, i) => i + 1);
  if (numbers.join() === wanted.join()) return [];
  return [`rounds ${numbers.join(', ')} were aggregated instead of each of ${wanted.length} once`];
}

/** Each round is of updates that were accepted in it, one for each client. */
export function ofAccepted({ trainings, aggregations }: RunHistory): string[] {
  const accepted = new Set(
    trainings.flatMap(({ input: { identity }, result }) =>
      result !== undefined && 'accepted' in result
        ? [`${identity.round} ${identity.client} ${result.accepted.blob.sha256}`]
        : [],
    ),
  );
  return aggregations.flatMap(({ input: { round, updates } }) => {
    const clients = updates.map(({ client }) => client);
    const strange = updates.filter(({ client, blob }) => !accepted.has(`${round} ${client} ${blob.sha256}`));
    return [
      ...(new Set(clients).size === clients.length ? [] : [`round ${round} counts a client twice: ${clients.join()}`]),
      ...strange.map(({ client }) => `round ${round} counts an update of client ${client} that was not accepted in it`),
    ];
  });
}

/** Accepted updates that somebody was asked for again. */
export function askedAgain({ trainings }: RunHistory): string[] {
  return trainings
    .filter(({ input, scheduledAt }) =>
      trainings.some(
        (other) =>
          other.input.identity.run === input.identity.run &&
          other.input.identity.round === input.identity.round &&
          other.input.identity.client === input.identity.client &&
          other.input.identity.turn === input.identity.turn &&
          other.input.task === input.task &&
          other.result !== undefined &&
          'accepted' in other.result &&
          (other.completedAt ?? Infinity) <= scheduledAt,
      ),
    )
    .map(
      ({ input: { identity } }) =>
        `client ${identity.client} was asked again for its accepted update of round ${identity.round}`,
    );
}

/** The mean of exactly these updates by their samples, computed anew from the stored ones. */
export async function aggregatesAreMeans({ aggregations }: RunHistory): Promise<string[]> {
  const found: string[] = [];
  for (const { input, result } of aggregations) {
    if (result === undefined) continue;
    const total = input.updates.reduce((sum, { samples }) => sum + samples, 0);
    const updates = await Promise.all(
      input.updates.map(async ({ blob, samples }) => ({ share: samples / total, weights: await weightsOf(blob) })),
    );
    const global = await weightsOf(result.weights);
    for (const [name, { data }] of Object.entries(global)) {
      const far = data.findIndex((value, i) => {
        const mean = updates.reduce(
          (sum, { share, weights }) => sum + share * (weights[name]?.data[i] ?? Number.NaN),
          0,
        );
        return !(Math.abs(value - mean) <= 1e-6 * Math.max(1, Math.abs(mean)));
      });
      if (far >= 0) found.push(`round ${input.round}: ${name}[${far}] is not the mean of the accepted updates`);
    }
  }
  return found;
}

export function weightsOf({ uri }: BlobRef): ReturnType<typeof readWeights> {
  return readWeights(uri.startsWith('file:') ? fileURLToPath(uri) : uri);
}
