/** A bit of the trained model flips in the blob store before it is deployed: it is refused, what served serves on, and the right bytes are enough. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stackPaths } from '../../../deploy/local/state.ts';
import { until } from '../../../deploy/local/wait.ts';
import { passing } from '../lib/inject.ts';
import type { Scenario, Story } from '../lib/story.ts';

const [knownMs, refusedMs] = [45_000, 30_000];

export const damagedModel: Scenario = {
  async play(story) {
    await story.apply();
    await story.round(1);
    await story.round(2, { meanwhile: () => damage(story) });
  },
};

async function damage(story: Story): Promise<void> {
  const { world, draw, did, violations } = story;
  await passing(world, 2, 'Train/Completed');
  const file = await trainedBlob(story);
  const bytes = readFileSync(file);
  const at = Math.floor(draw.cutAt * bytes.length);
  writeFileSync(file, bytes.with(at, (bytes[at] ?? 0) ^ 1));
  did(`a bit of byte ${at} of the trained model has flipped`);
  let said: string | undefined;
  // Where a fault holds up the look at the job, the file may have been copied before: then it is the right one that is served.
  const heeded = await until(async () => {
    const status = await world.status();
    const { reason, message } = status?.waitingFor ?? {};
    if (reason === 'ModelUnreadable') said = message;
    return said !== undefined || (status?.lastRound?.round ?? 0) >= 2;
  }, refusedMs);
  did(`it says: ${said ?? 'nothing, the model had been copied before'}`);
  if (!heeded) violations.push('nobody said that the model is damaged');
  await delay(draw.pauseMs);
  writeFileSync(file, bytes);
  did('the model is as it was');
}

/** Where the blob store has the candidate of the second round. */
async function trainedBlob({ world }: Story): Promise<string> {
  let sha256 = '';
  await until(async () => {
    const model = await world.view<ModelStatus>('Model', 'digits-deployed');
    sha256 = model?.versions.find(({ lineage }) => lineage.round === 2)?.sha256 ?? '';
    return sha256 !== '';
  }, knownMs);
  if (sha256 === '') throw new Error(`the model of round 2 was not known within ${knownMs / 1_000} s`);
  return join(stackPaths(world.stack.cwd).blobs, 'sha256', sha256.slice(0, 2), sha256.slice(2));
}

interface ModelStatus {
  versions: { sha256: string; lineage: { round: number } }[];
}
