/** Updates of federated clients: the check by itself, and the child process of a local controller that judges what a worker answered. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JudgeUpdateInput, JudgeUpdateOutput } from '../../../activities/edge/children/judge-update.ts';
import { inChild } from '../../../activities/edge/lib/child.ts';
import { checkUpdate } from '../../../sdk/algorithms/aggregation/index.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import { withTensors } from '../../../sdk/tensors/index.ts';
import { caseOf, readExpected } from '../lib/expected.ts';
import type { Case, Family, Found, Parser } from '../lib/family.ts';
import { globalUpdate, made, type MadeUpdate } from '../updates/make.ts';

const asked = { run: 'run', round: 2, client: '00', node: 'edge-1', attempt: 2 };
const policy = { maxSamplesFactor: 2 };
const datasetSamples = 100;
const samplesOf = ({ samples }: MadeUpdate): unknown => (samples === undefined ? 100 : samples);

export function updates(): Family<MadeUpdate> {
  const entries = readExpected('updates');
  const unknown = entries.filter(([name]) => made[name] === undefined).map(([name]) => name);
  const silent = Object.keys(made).filter((name) => !entries.some(([known]) => known === name));
  if (unknown.length + silent.length > 0)
    throw new Error(`updates: no file or no verdict for ${[...unknown, ...silent].join(', ')}`);
  const cases = entries.map(([name, entry]) => caseOf(name, (made[name] as () => MadeUpdate)(), entry));
  return { name: 'updates', cases, parsers: [check(), node()], boundMs: 1_000, growthMiB: 32 };
}

function check(): Parser<MadeUpdate> {
  const folder = temporary();
  const global = written(folder, 'global', globalUpdate);
  return {
    name: 'check',
    judge: (update, { name }) =>
      withTensors(global, async (opened) => {
        const { bytes, declared = {}, identity = {}, taken = [] } = update;
        const verdict = await checkUpdate(
          {
            file: written(folder, name, bytes),
            samples: samplesOf(update),
            identity: { ...asked, ...identity },
            ...declared,
          },
          { global: opened, identity: asked, taken: new Set(taken), datasetSamples, out: join(folder, 'final') },
          policy,
        );
        return 'accepted' in verdict ? { verdict: 'accept' } : { verdict: 'refuse', ...verdict.refused };
      }),
  };
}

/** Whose and of when an update is the local controller knows by itself: it is never asked that. */
function node(): Parser<MadeUpdate> {
  const folder = temporary();
  const weights = written(folder, 'global', globalUpdate);
  const blobUrl = openBlobStore(join(folder, 'blobs')).url;
  return {
    name: 'child of the node',
    speaks: ({ declared, identity, taken }) => declared === undefined && identity === undefined && taken === undefined,
    async judge(update: MadeUpdate, { name }: Case<MadeUpdate>): Promise<Found> {
      const directory = join(folder, 'work', name.replaceAll(/\W/g, '-'));
      mkdirSync(directory, { recursive: true });
      const answer = {
        status: 'completed' as const,
        file: written(directory, 'update', update.bytes),
        metrics: {},
        evaluation: undefined,
      };
      const samples = samplesOf(update) as number;
      const input: JudgeUpdateInput = {
        blobUrl,
        answer: { ...answer, samples },
        weights,
        policy,
        datasetSamples,
        directory,
      };
      const verdict = await inChild<JudgeUpdateOutput>('judge-update', input, AbortSignal.timeout(20_000));
      return 'blob' in verdict ? { verdict: 'accept' } : { verdict: 'refuse', ...verdict.refused };
    },
  };
}

function temporary(): string {
  return mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'updates-'));
}

function written(folder: string, name: string, bytes: Buffer): string {
  const file = join(folder, `${name.replaceAll(/\W/g, '-')}.safetensors`);
  writeFileSync(file, bytes);
  return file;
}
