/** What the workers of a joint inference service are started with (section 3.4 of the control-plane reference, and ours). Pure. */
import type { AskingSetFields } from '../../../crds/fields.ts';
import { currentModel } from '../versions.ts';
import { frontName, type Owner } from '../ids.ts';
import type { RevisionWorker } from '../worker-set/state.ts';
import { wayUp } from './addresses.ts';
import { fieldsOf, isTier, pathOf, shortName, tierFields } from './chain.ts';
import { hardExampleDataset, type RoleSituation } from './situation.ts';
import type { Role, ServiceView, TierRole } from './state.ts';

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
    stage: isTier(role) ? 'Tier' : role === 'cloud' ? 'Cloud' : 'Edge',
    manifest: desired.manifest,
    template: templateOf(view, role),
    env: { ...common, ...environmentOf(view, role, situation.node) },
    models: { MODEL_URL: [currentModel(situation.model)] },
    serving: {
      role,
      front: frontName(owner, role),
      ...(role !== 'edge' ? { portVariables: ['BIG_MODEL_BIND_PORT'], always: true } : {}),
    },
  };
}

export function templateOf(view: ServiceView, role: Role): string {
  return `${pathOf(view, role)}.template`;
}

/** Equal for workers that are started alike: a manifest may change in what does not concern them. */
export function digestOf(view: ServiceView, role: Role, { env, models, serving }: RevisionWorker): string {
  return JSON.stringify([fieldsOf(view, role).templateDigest, env, models, serving]);
}

/** The front of this node is in front of it, so nobody else needs to reach it. */
const cloudEnvironment = { BIG_MODEL_BIND_IP: '127.0.0.1' };

function environmentOf(view: ServiceView, role: Role, node: string): Record<string, string> {
  if (role === 'cloud') return cloudEnvironment;
  return isTier(role) ? tierEnvironment(view, role) : edgeEnvironment(view, node);
}

/** A big model for those below it, an edge for those above. */
function tierEnvironment(view: ServiceView, role: TierRole): Record<string, string> {
  const { hardExampleMining } = tierFields(view.desired.fields, role);
  return { ...cloudEnvironment, ...askingEnvironment(view, role, hardExampleMining), SEDNA_TIER: shortName(role) };
}

function edgeEnvironment(view: ServiceView, node: string): Record<string, string> {
  const { edge, mode, deferred, hardExamples } = view.desired.fields;
  const { dataset } = hardExampleDataset(view, node);
  return {
    ...askingEnvironment(view, 'edge', edge.hardExampleMining),
    ...(mode === undefined ? {} : { MINING_MODE: mode }),
    ...(deferred === undefined ? {} : { SEDNA_DEFERRED: JSON.stringify(deferred) }),
    ...(hardExamples === undefined ? {} : { SEDNA_HARD_EXAMPLES: JSON.stringify({ ...hardExamples, ...dataset }) }),
  };
}

function askingEnvironment(
  view: ServiceView,
  role: Role,
  { name, parameters }: AskingSetFields['hardExampleMining'],
): Record<string, string> {
  return { ...wayUp(view, role), HEM_NAME: name, HEM_PARAMETERS: JSON.stringify(parameters ?? null) };
}
