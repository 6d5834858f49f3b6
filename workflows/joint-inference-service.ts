import type { FrontObservation, ServiceMetrics, WorkerObservation } from '../activities/contracts.ts';
import type { JointInferenceServiceFields } from '../crds/fields.ts';
import { farewell } from './lib/activities.ts';
import { runEntity, type EntityInput, type EntityKind } from './lib/entity.ts';
import { entityId, frontName } from './lib/ids.ts';
import { learnAddress, waitingForAddresses } from './lib/joint-inference/addresses.ts';
import { bringAnswers } from './lib/joint-inference/answers.ts';
import { below, fieldsOf, pathOf, rolesOf, setOf } from './lib/joint-inference/chain.ts';
import { change, checks } from './lib/joint-inference/change.ts';
import { noteCondition } from './lib/joint-inference/conditions.ts';
import { pairProblem } from './lib/joint-inference/pair.ts';
import { leaveFormerTiers } from './lib/joint-inference/former.ts';
import { memberProblem } from './lib/joint-inference/problems.ts';
import { needs, nodeOf, selectorOf } from './lib/joint-inference/situation.ts';
import { emptyService, type JointInferenceState, type Role, type ServiceView } from './lib/joint-inference/state.ts';
import { jointInferenceStatus, statusOf } from './lib/joint-inference/status.ts';
import { templateOf } from './lib/joint-inference/workers.ts';
import type { Verb } from './lib/messages.ts';
import { nodeProblem } from './node.ts';
import type { Operation } from './lib/operations.ts';
import type { StatusDraft } from './lib/status.ts';
import { placing } from './lib/surroundings.ts';
import { count } from './lib/worker-set/counts.ts';
import {
  frontOperation,
  frontSlot,
  leftOperations,
  memberOperations,
  metricsSlot,
  moveOperation,
  workerSlot,
  type SetContext,
} from './lib/worker-set/operations.ts';
import { emptySet } from './lib/worker-set/state.ts';

/** Worker sets in a chain: a big model in the cloud, little ones at the edge, and tiers between them; each knows where the next one is reached. */
const serviceKind: EntityKind<JointInferenceServiceFields, JointInferenceState> = {
  kind: 'JointInferenceService',
  initial: emptyService,
  needs: (view) => (isPlanned(view) ? needs(view) : []),
  status: (view) => (isPlanned(view) ? jointInferenceStatus(view) : unplanned),

  advance(view) {
    if (!isPlanned(view)) return;
    const roles = rolesOf(view);
    for (const role of roles) changeRole(view, role);
    noteCondition(
      view,
      roles.map((role) => statusOf(view, role)),
    );
  },

  plan(view) {
    if (!isPlanned(view)) return [];
    const operations = rolesOf(view).flatMap((role) => planRole(view, role));
    return [...operations, ...waitingForAddresses(view), ...leaveFormerTiers(view, (role) => contextOf(view, role))];
  },

  onObserved({ own }, slot, value) {
    for (const [role, set] of Object.entries(own.sets)) {
      if (set === undefined) continue;
      // A node that the set has left may still have a word under way.
      if (slot === frontSlot(role) && (value as FrontObservation).node === set.node) {
        set.front = value as FrontObservation;
      }
      const member = set.members.find(({ name }) => slot === workerSlot(name) || slot === metricsSlot(name));
      if (member === undefined) continue;
      if (slot === workerSlot(member.name)) member.seen = value as WorkerObservation;
      else count(set.counts, member.name, value as ServiceMetrics);
    }
  },

  onVerb: (view, verb) => verdicts[verb]?.(view) ?? undefined,

  async teardown(view) {
    const owner = ownerOf(view);
    if (!isPlanned(view)) return;
    await Promise.allSettled(view.own.nodes.map((node) => farewell(node, `clean up ${node}`).removeOwner({ owner })));
  },
};

export async function jointInferenceService(
  input: EntityInput<JointInferenceServiceFields, JointInferenceState>,
): Promise<void> {
  await runEntity(serviceKind, input);
}

/** Objects that an earlier release only stored come without fields until somebody sends them again: the watcher does at once. */
function isPlanned({ desired, own }: ServiceView): boolean {
  if (!Object.hasOwn(desired.fields, 'edge')) return false;
  // That release had no state to remember.
  if (!Object.hasOwn(own, 'sets')) Object.assign(own, emptyService());
  return true;
}

const unplannedVerdict = { status: false, reason: 'NotSupportedYet' };
const unplanned: StatusDraft = {
  phase: 'Pending',
  waitingFor: {
    reason: 'NotSupportedYet',
    message: 'an earlier release stored it; apply it again and its workers start',
  },
  progressing: unplannedVerdict,
  available: unplannedVerdict,
};

function ownerOf({ ref, desired }: ServiceView) {
  return { ...ref, uid: desired.uid };
}

/** From the top down: what a set asks for depends on the addresses of those above it, and on what they have become. */
function changeRole(view: ServiceView, role: Role): void {
  const { own } = view;
  own.sets[role] ??= { ...emptySet(), born: own.bornBefore?.[role] ?? 0 };
  change(view, role, contextOf(view, role));
  learnAddress(own, role);
}

function contextOf(view: ServiceView, role: Role): SetContext {
  const { own, desired } = view;
  const listen = (slot: string) => ({ workflowId: entityId(view.ref), uid: desired.uid, slot });
  return { owner: ownerOf(view), role, set: setOf(own, role), listen };
}

function planRole(view: ServiceView, role: Role): Operation[] {
  const { own } = view;
  const operations: Operation[] = [];
  const selector = selectorOf(view, role);
  if (selector !== undefined && nodeOf(view, role) === undefined) operations.push(placing(view, selector));
  const context = contextOf(view, role);
  const { set } = context;
  operations.push(...checks(view, role, context), ...fronting(view, role, context));
  const silent = set.node !== undefined && nodeProblem(view, set.node)?.reason === 'NodeSilent';
  if (silent && selector !== undefined && own.mode === 'run')
    operations.push(...moveOperation(view, context, selector));
  operations.push(...memberOperations(context));
  const cleared = role === 'edge' ? (node: string) => bringAnswers(context, node) : undefined;
  if (isSettled(view, role)) operations.push(...leftOperations(context, cleared));
  return operations;
}

function fronting(view: ServiceView, role: Role, context: SetContext): Operation[] {
  const { manifest } = view.desired;
  const { templateDigest, autoscaling, replicas } = fieldsOf(view, role);
  if (manifest === undefined) return [];
  const path = `${pathOf(view, role)}.hpa`;
  return frontOperation(
    context,
    {
      front: {
        name: frontName(context.owner, role),
        owner: context.owner,
        role,
        manifest,
        template: templateOf(view, role),
        ...(role !== 'edge' ? { always: true } : {}),
      },
      ...(autoscaling === undefined ? {} : { autoscaling: { spec: autoscaling, path, replicas } }),
    },
    JSON.stringify([templateDigest, autoscaling]),
  );
}

/** It serves as wanted where it is now, and whoever needs its address has the new one: what was left elsewhere can go. */
function isSettled(view: ServiceView, role: Role): boolean {
  if (view.own.mode === 'stop') return true;
  const concerned = [role, below(view, role)];
  return concerned.every((one) => one === undefined || !statusOf(view, one).changing);
}

/** What each verb does; a string is why it is refused. */
const verdicts: Partial<Record<Verb, (view: ServiceView) => string | undefined>> = {
  pause: (view) => setMode(view, 'pause'),
  stop: (view) => setMode(view, 'stop'),
  resume: (view) => setMode(view, 'run'),
  retry(view) {
    let any = false;
    const roles = rolesOf(view);
    const misfits = roles.filter((role) => pairProblem(view, role) !== undefined);
    for (const role of roles) {
      const set = setOf(view.own, role);
      if (set.verdict?.problem !== undefined || misfits.includes(role)) {
        set.verdict = undefined;
        any = true;
      }
      for (const member of set.members) {
        if (memberProblem(view, member) === undefined) continue;
        // Another one takes its place, without the pauses of this one.
        member.draining = true;
        any = true;
      }
    }
    return any ? undefined : 'nothing has failed';
  },
  trigger: () => 'a JointInferenceService serves all the time; there is nothing to trigger',
  approve: () => 'a JointInferenceService has nothing to approve',
  reject: () => 'a JointInferenceService has nothing to reject',
  reset: () => 'a JointInferenceService keeps no rounds to go back to',
};

function setMode({ own }: ServiceView, mode: JointInferenceState['mode']): string | undefined {
  if (own.mode === mode) return mode === 'run' ? 'it is not paused' : undefined;
  own.mode = mode;
  return undefined;
}
