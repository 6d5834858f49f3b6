import type { DatasetObservation } from '../activities/contracts.ts';
import type { DatasetFields } from '../crds/fields.ts';
import { resident } from './lib/activities.ts';
import { runEntity, type EntityInput, type EntityKind } from './lib/entity.ts';
import type { Problem } from './lib/failures.ts';
import { entityId, nodeRef } from './lib/ids.ts';
import type { StatusDraft } from './lib/status.ts';
import { nodeProblem } from './node.ts';

interface DatasetState {
  samples?: number;
  updateTime?: string;
  problem?: Problem;
}

/** What a job learns of a Dataset. The count is not in it: jobs watch the file themselves, on its node. */
export interface PublishedDataset {
  url: string;
  format: string;
  nodeName: string;
}

/** A Dataset is Available when its samples have been counted and its index file can be read. */
const datasetKind: EntityKind<DatasetFields, DatasetState> = {
  kind: 'Dataset',
  initial: () => ({}),
  needs: ({ desired }) => [nodeRef(desired.fields.nodeName)],
  published: ({ desired }): PublishedDataset => desired.fields,

  plan({ ref, desired }) {
    const { url, format, nodeName } = desired.fields;
    const listener = { workflowId: entityId(ref), uid: desired.uid, slot: 'watch' };
    const run = (): Promise<void> =>
      resident(nodeName, `count ${url} on ${nodeName}`).watchDataset({ listener, dataset: { url, format } });
    return [{ slot: 'watch', key: JSON.stringify(desired.fields), run }];
  },

  onDesired({ own, desired }, before) {
    if (before === undefined) return;
    own.problem = undefined;
    // Another file: the old count says nothing about it.
    if (JSON.stringify(before.fields) !== JSON.stringify(desired.fields)) own.samples = undefined;
  },

  onObserved({ own, desired }, slot, value, node = desired.fields.nodeName) {
    if (slot !== 'watch' || node !== desired.fields.nodeName) return;
    const { samples, problem } = value as DatasetObservation;
    if (samples !== undefined && samples !== own.samples) {
      own.samples = samples;
      own.updateTime = new Date().toISOString();
    }
    own.problem = problem;
  },

  status(view) {
    const { own, desired, operations } = view;
    const problem = nodeProblem(view, desired.fields.nodeName) ?? own.problem ?? operations.problem('watch');
    return {
      ...(own.samples === undefined ? uncounted(problem) : counted(own, problem)),
      ...(problem === undefined ? {} : { waitingFor: problem, degraded: { status: true, ...problem } }),
      fields: { node: desired.fields.nodeName, numberOfSamples: own.samples, updateTime: own.updateTime },
    };
  },
};

type Part = Pick<StatusDraft, 'phase' | 'progressing' | 'available'>;

function uncounted(problem: Problem | undefined): Part {
  const reason = problem?.reason ?? 'Counting';
  return {
    phase: problem === undefined ? 'Counting' : 'Pending',
    progressing: { status: problem === undefined, reason },
    available: { status: false, reason },
  };
}

function counted(own: DatasetState, problem: Problem | undefined): Part {
  const message = `${own.samples} samples`;
  return {
    phase: problem === undefined ? 'Ready' : 'Pending',
    progressing: { status: false, reason: 'Counted' },
    available: { status: own.problem === undefined, reason: own.problem?.reason ?? 'Counted', message },
  };
}

export async function dataset(input: EntityInput<DatasetFields, DatasetState>): Promise<void> {
  await runEntity(datasetKind, input);
}
