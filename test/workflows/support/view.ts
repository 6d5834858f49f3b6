import type { IncrementalLearningJobFields } from '../../../crds/fields.ts';
import { entityId, type EntityRef } from '../../../workflows/lib/ids.ts';
import type { JobView } from '../../../workflows/lib/incremental/situation.ts';
import type { IncrementalState } from '../../../workflows/lib/incremental/state.ts';
import type { PeerState } from '../../../workflows/lib/messages.ts';
import { startCursor } from '../../../workflows/lib/samples.ts';

export interface JobViewChange {
  fields?: Record<string, unknown>;
  own?: Partial<IncrementalState>;
  /** Instead of all peers. */
  peers?: Record<string, PeerState>;
  /** On top of all peers, by entity id. */
  override?: Record<string, PeerState>;
  /** It has a manifest, so that rounds can begin. */
  manifest?: boolean;
}

const peer = (kind: string, namespace: string, name: string, value: unknown): [string, PeerState] => {
  const ref = { kind, namespace, name };
  return [entityId(ref), { ref, exists: true, uid: `uid-${name}`, value }];
};

const present = Object.fromEntries([
  peer('Dataset', 'default', 'data', { url: '/data.txt', format: 'txt', nodeName: 'edge-1' }),
  peer('Model', 'default', 'initial', { url: '/initial.onnx', format: 'onnx', devices: [] }),
  peer('Model', 'default', 'deployed', { url: '/deployed.onnx', format: 'onnx', devices: [] }),
  ...['edge-1', 'cloud-1'].map((name) =>
    peer('Node', '', name, {
      alive: true,
      since: '',
      labels: {},
      executionProviders: [],
      blobStore: { reachable: true },
    }),
  ),
]);

/** What an incremental job sees of itself when all is well, with changes. */
export function jobView({ fields, own, peers, override, manifest }: JobViewChange = {}): JobView {
  const known = { ...(peers ?? present), ...override };
  const desired = {
    origin: 'standalone' as const,
    uid: 'u-1',
    generation: 1,
    fields: { ...plain, ...fields },
    ...(manifest ? { manifest: { uri: 'u', sha256: 's', bytes: 1 } } : {}),
  };
  return {
    ref: { kind: 'IncrementalLearningJob', namespace: 'default', name: 'job' },
    desired: desired,
    own: { ...state(), ...own },
    operations: { problem: () => undefined } as unknown as JobView['operations'],
    peer: (ref: EntityRef) => known[entityId(ref)],
    emit: () => undefined,
    refuse: () => undefined,
    changed: () => undefined,
  };
}

const state = (): IncrementalState => ({
  startTime: '2026-01-01T00:00:00.000Z',
  cursor: startCursor,
  round: 0,
  mode: 'run',
  manual: false,
  placed: {},
  evalSets: [],
  conditions: [],
  waiting: {},
  annotations: {},
  nodes: [],
});

const condition = { operator: '>=' as const, metric: 'num_of_samples', threshold: 8 };
const plain: IncrementalLearningJobFields = {
  dataset: 'data',
  trainProb: 0.8,
  initialModel: 'initial',
  deployModel: 'deployed',
  hotUpdate: false,
  pollPeriodSeconds: 60,
  outputDir: '/out',
  train: { templateDigest: 't', trigger: { condition } },
  eval: { templateDigest: 'e' },
  deploy: { templateDigest: 'd', trigger: { condition }, hardExampleMining: { name: 'IBT', parameters: [] } },
};
