/** Where each set is reached by the one below it: learned from the cloud down, and kept while a set is away. */
import { sleep } from '@temporalio/workflow';
import type { Operation } from '../operations.ts';
import { above, isTier, rolesOf, setOf } from './chain.ts';
import type { Address, JointInferenceState, Role, ServiceView, TierRole } from './state.ts';

/** Nobody listens there: a worker that starts while nobody is above it yet is refused at once, and answers by itself. */
const nowhere: Address = { ip: '127.0.0.1', port: '1' };

/** For each hop that an answer may need, in ms: a worker must not give up a tier that only waits for the next one. */
const patiencePerHopMs = 500;

export function learnAddress(own: JointInferenceState, role: Role): void {
  // Nobody asks the edge.
  if (role === 'edge') return;
  const endpoint = setOf(own, role).front?.endpoints[0];
  const parts = endpoint === undefined ? null : /^http:\/\/(\[?[^/]+\]?):(\d+)$/.exec(endpoint.url);
  if (parts === null) return;
  const [, ip = '', port = ''] = parts;
  if (isTier(role)) own.tierAddresses = { ...own.tierAddresses, [role]: { ip, port } };
  else own.cloudAddress = { ip, port };
}

/**
 * What a worker is told of the set above it. One that serves goes over to a tier only once that serves, too, and does not ask the
 * other way round: until then it asks whom it has asked before. So requests never go in a circle while tiers change places.
 */
export function wayUp(view: ServiceView, role: Role): Record<string, string> {
  const { own } = view;
  const next = above(view, role) ?? 'cloud';
  const known = addressOf(own, next);
  const isUsable = !isTier(next) || (known !== undefined && serves(own, next) && !leadsTo(own, next, role));
  const { BIG_MODEL_IP, BIG_MODEL_PORT, SEDNA_PATIENCE_MS } = presentEnv(own, role) ?? {};
  if (!isUsable && BIG_MODEL_IP !== undefined && BIG_MODEL_PORT !== undefined) {
    return { BIG_MODEL_IP, BIG_MODEL_PORT, ...(SEDNA_PATIENCE_MS === undefined ? {} : { SEDNA_PATIENCE_MS }) };
  }
  const { ip, port } = known ?? nowhere;
  const hops = rolesOf(view).indexOf(role);
  const patience: Record<string, string> = isTier(next) ? { SEDNA_PATIENCE_MS: String(hops * patiencePerHopMs) } : {};
  return { BIG_MODEL_IP: ip, BIG_MODEL_PORT: port, ...patience };
}

/** A set waits for the address of the next one, but not for ever: it answers without one, too. */
export function mayStart(view: ServiceView, role: Role): boolean {
  const next = above(view, role);
  if (next === undefined || addressOf(view.own, next) !== undefined) return true;
  return isTier(next)
    ? envAddress(presentEnv(view.own, role)) !== undefined || wasWaitedFor(view.own, next)
    : view.own.waited === true;
}

/** Only when a set is new: the address of one that is away later is kept. */
export function waitingForAddresses(view: ServiceView): Operation[] {
  const { own } = view;
  return rolesOf(view)
    .filter((role) => role !== 'edge' && addressOf(own, role) === undefined && !wasWaitedFor(own, role))
    .map((role) => {
      const run = async (): Promise<void> => {
        await sleep('10s');
        if (isTier(role)) own.tiersWaitedFor = [...(own.tiersWaitedFor ?? []), role];
        else own.waited = true;
      };
      return { slot: isTier(role) ? `wait for ${role}` : 'wait for the cloud', key: 'once', run };
    });
}

/** A worker of this service still sends its hard examples there. */
export function isAsked({ sets, tierAddresses }: JointInferenceState, role: Role): boolean {
  const address = isTier(role) ? tierAddresses?.[role] : undefined;
  if (address === undefined) return false;
  return Object.values(sets).some((set) =>
    set?.members.some(({ revision }) => isSame(address, envAddress(set.revisions[revision]?.worker.env))),
  );
}

function addressOf(own: JointInferenceState, role: Role): Address | undefined {
  return isTier(role) ? own.tierAddresses?.[role] : own.cloudAddress;
}

function wasWaitedFor(own: JointInferenceState, role: Role): boolean {
  return isTier(role) ? own.tiersWaitedFor?.includes(role) === true : own.waited === true;
}

function serves(own: JointInferenceState, role: Role): boolean {
  const { front, members } = setOf(own, role);
  return front?.state === 'ready' && members.some(({ seen, draining }) => draining !== true && seen?.state === 'ready');
}

/** Some worker of a set, an old or a wanted one, sends its hard examples to the other set, maybe by way of others. */
function leadsTo(own: JointInferenceState, from: Role, to: Role, seen: readonly Role[] = []): boolean {
  if (from === to) return true;
  const asked = setOf(own, from).members.map(({ revision }) => envOf(own, from, revision));
  return tierRolesAt(own, [...asked, presentEnv(own, from)].map(envAddress))
    .filter((next) => !seen.includes(next))
    .some((next) => leadsTo(own, next, to, [...seen, from]));
}

function tierRolesAt({ tierAddresses = {} }: JointInferenceState, addresses: (Address | undefined)[]): TierRole[] {
  const known = Object.entries(tierAddresses) as [TierRole, Address][];
  return known.filter(([, address]) => addresses.some((one) => isSame(address, one))).map(([role]) => role);
}

/** Of the workers that are wanted now. */
function presentEnv(own: JointInferenceState, role: Role): Record<string, string> | undefined {
  return envOf(own, role, setOf(own, role).revision);
}

function envOf(own: JointInferenceState, role: Role, revision: number): Record<string, string> | undefined {
  return setOf(own, role).revisions[revision]?.worker.env;
}

function envAddress(env: Record<string, string> | undefined): Address | undefined {
  const { BIG_MODEL_IP: ip, BIG_MODEL_PORT: port } = env ?? {};
  return ip === undefined || port === undefined ? undefined : { ip, port };
}

function isSame(one: Address, other: Address | undefined): boolean {
  return one.ip === other?.ip && one.port === other.port;
}
