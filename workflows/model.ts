import type { ModelFields } from '../crds/fields.ts';
import { runEntity, type EntityInput, type EntityKind } from './lib/entity.ts';
import type { ModelVersion } from './lib/messages.ts';
import { mergeVersion } from './lib/versions.ts';

interface ModelState {
  versions: ModelVersion[];
  updateTime?: string;
}

export interface PublishedModel extends ModelFields {
  live?: { sha256: string; uri: string; bytes: number; format: string };
}

/** A Model is Available as soon as its manifest is valid: whether its file can be read is judged by the node that uses it. */
const modelKind: EntityKind<ModelFields, ModelState> = {
  kind: 'Model',
  initial: () => ({ versions: [] }),
  plan: () => [],

  published({ desired, own }): PublishedModel {
    const live = own.versions.find((version) => version.stage === 'live');
    return {
      ...desired.fields,
      ...(live === undefined
        ? {}
        : { live: { sha256: live.sha256, uri: live.uri, bytes: live.bytes, format: live.format } }),
    };
  },

  onVersion(view, version) {
    const { versions, event } = mergeVersion(view.own.versions, version);
    view.own.versions = versions;
    view.own.updateTime = new Date().toISOString();
    if (event !== undefined) view.emit({ type: 'Normal', reason: event, message: describe(version) });
  },

  status({ own, desired }) {
    const live = own.versions.find((version) => version.stage === 'live');
    const metrics = Object.entries(live?.metrics ?? {}).map(([key, values]) => ({ key, value: String(values.at(-1)) }));
    return {
      phase: live === undefined ? 'Initial' : 'Live',
      progressing: { status: false, reason: 'UpToDate' },
      available: {
        status: true,
        reason: live === undefined ? 'InitialFile' : 'LiveVersion',
        message: live === undefined ? `no version yet; its file is ${desired.fields.url}` : describe(live),
      },
      fields: {
        versions: own.versions,
        ...(live === undefined ? {} : { live: live.sha256.slice(0, 12) }),
        ...(metrics.length === 0 ? {} : { metrics }),
        ...(own.updateTime === undefined ? {} : { updateTime: own.updateTime }),
      },
    };
  },
};

function describe(version: ModelVersion): string {
  const { job, round, samples } = version.lineage;
  return `${version.stage} ${version.sha256.slice(0, 12)} of ${job} round ${round}, trained on ${samples} samples`;
}

export async function model(input: EntityInput<ModelFields, ModelState>): Promise<void> {
  await runEntity(modelKind, input);
}
