/** What the workers of a joint inference service are started with (section 3.4 of the control-plane reference, and ours). Pure. */
import { currentModel } from '../incremental/situation.ts';
import { frontName, type Owner } from '../ids.ts';
import type { RevisionWorker } from '../worker-set/state.ts';
import { hardExampleDataset, type RoleSituation } from './situation.ts';
import type { Role, ServiceView } from './state.ts';

/** Nobody listens there: an edge that starts while there is no cloud yet is refused at once, and answers by itself. */
const nowhere = { ip: '127.0.0.1', port: '1' };

export function workerOf(view: ServiceView, role: Role, situation: RoleSituation): RevisionWorker | undefined {
  const { desired, ref } = view;
  const owner: Owner = { ...ref, uid: desired.uid };
  if (desired.manifest === undefined) return undefined;
  const { signature } = situation.model;
  const common = {
    NAMESPACE: owner.namespace,
    SERVICE_NAME: owner.name,
    ...(signature && { MODEL_SIGNATURE: JSON.stringify(signature) }),
  };
  return {
    owner,
    stage: role === 'cloud' ? 'Cloud' : 'Edge',
    manifest: desired.manifest,
    template: templateOf(role),
    env: { ...common, ...(role === 'cloud' ? cloudEnvironment : edgeEnvironment(view, situation.node)) },
    models: { MODEL_URL: [currentModel(situation.model)] },
    serving: {
      role,
      front: frontName(owner, role),
      ...(role === 'cloud' ? { portVariables: ['BIG_MODEL_BIND_PORT'], always: true } : {}),
    },
  };
}

export function templateOf(role: Role): string {
  return `spec.${role}Worker.template`;
}

/** Equal for workers that are started alike: a manifest may change in what does not concern them. */
export function digestOf(view: ServiceView, role: Role, { env, models, serving }: RevisionWorker): string {
  return JSON.stringify([view.desired.fields[role].templateDigest, env, models, serving]);
}

/** The front of this node is in front of it, so nobody else needs to reach it. */
const cloudEnvironment = { BIG_MODEL_BIND_IP: '127.0.0.1' };

function edgeEnvironment(view: ServiceView, node: string): Record<string, string> {
  const { edge, mode, deferred, hardExamples } = view.desired.fields;
  const { ip, port } = view.own.cloudAddress ?? nowhere;
  const { dataset } = hardExampleDataset(view, node);
  return {
    BIG_MODEL_IP: ip,
    BIG_MODEL_PORT: port,
    HEM_NAME: edge.hardExampleMining.name,
    HEM_PARAMETERS: JSON.stringify(edge.hardExampleMining.parameters ?? null),
    ...(mode === undefined ? {} : { MINING_MODE: mode }),
    ...(deferred === undefined ? {} : { SEDNA_DEFERRED: JSON.stringify(deferred) }),
    ...(hardExamples === undefined ? {} : { SEDNA_HARD_EXAMPLES: JSON.stringify({ ...hardExamples, ...dataset }) }),
  };
}
