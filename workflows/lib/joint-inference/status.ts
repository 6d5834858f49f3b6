/** From what a joint inference service knows to what a person reads. Pure. */
import type { Problem } from '../failures.ts';
import type { StatusDraft, Verdict } from '../status.ts';
import { nodeProblem } from '../../node.ts';
import { replicaOf } from '../worker-set/advance.ts';
import { totals } from '../worker-set/counts.ts';
import { memberProblem, needProblem, roleProblem, workerProblem } from './problems.ts';
import { formerRoles, isTier, nameOf, rolesOf, setOf } from './chain.ts';
import { isMoving, nodeOf } from './situation.ts';
import type { Role, ServiceView } from './state.ts';
import { chainOf } from './tier-status.ts';
import { wantedReplicas } from './wanted.ts';

export interface RoleStatus {
  role: Role;
  ready: number;
  wanted: number;
  /** Its front takes requests, or it needs none. */
  reached: boolean;
  /** Replicas of what was wanted before are there still, new ones are not ready yet, or it moves to another node. */
  changing: boolean;
  problem: Problem | undefined;
  /** Why none serves, for good or for now; absent while it only starts. */
  failure?: Problem;
}

/** A JointInferenceService is Available while all its worker sets serve. */
export function jointInferenceStatus(view: ServiceView): StatusDraft {
  const { own } = view;
  const roles = rolesOf(view);
  const known = roles.map((role) => statusOf(view, role));
  const nodes = Object.fromEntries(roles.flatMap((role) => placeOf(view, role).map((node) => [role, node])));
  const waiting = waitingFor(view, known);
  const problem = firstProblem(known);
  const available = availability(view, known);
  return {
    phase: phaseOf(view, known, available.status),
    ...(waiting === undefined ? {} : { waitingFor: waiting }),
    progressing: progress(known, waiting),
    available,
    ...(problem === undefined ? {} : { degraded: { status: true, ...problem } }),
    ...(own.mode === 'run' ? {} : { suspended: { status: true, reason: own.mode === 'pause' ? 'Paused' : 'Stopped' } }),
    stages: own.conditions,
    fields: {
      startTime: own.startTime,
      ...counters(known),
      replicas: `${sum(known, 'ready')}/${sum(known, 'wanted')}`,
      workers: workers(view),
      endpoints: endpoints(view),
      metrics: serviceMetrics(view),
      ...(known.some(({ role }) => isTier(role)) ? chainOf(view, known) : {}),
      nodes,
      ...(nodes['edge'] === undefined ? {} : { node: nodes['edge'] }),
    },
  };
}

/** Where it is; before it is anywhere, where it will be. */
function placeOf(view: ServiceView, role: Role): string[] {
  const node = setOf(view.own, role).node ?? nodeOf(view, role);
  return node === undefined ? [] : [node];
}

/** As in the original these count sorts of workers, not processes. One that only starts has not failed. */
export function counters(known: RoleStatus[]): { active: number; failed: number } {
  return {
    active: known.filter(({ ready, reached }) => ready > 0 && reached).length,
    failed: known.filter(({ failure }) => failure !== undefined).length,
  };
}

export function statusOf(view: ServiceView, role: Role): RoleStatus {
  const set = setOf(view.own, role);
  const replicas = set.members.map((member) => replicaOf(set, member, memberProblem(view, member) !== undefined));
  const wanted = wantedReplicas(view, role);
  const ready = replicas.filter(({ state }) => state === 'ready').length;
  const failure = ready > 0 || wanted === 0 ? undefined : (needProblem(view, role) ?? workerProblem(view, role));
  const fit = replicas.filter(({ state, current }) => state === 'ready' && current).length;
  const reached = isReached(view, role);
  const complete = fit === wanted && replicas.length === wanted && reached;
  return {
    role,
    ready,
    wanted,
    reached,
    changing: !complete || set.pending === true || isMoving(view, role),
    problem: roleProblem(view, role),
    ...(failure === undefined ? {} : { failure }),
  };
}

function isReached({ own }: ServiceView, role: Role): boolean {
  const state = setOf(own, role).front?.state;
  return state === 'ready' || state === 'none';
}

function sum(known: RoleStatus[], what: 'ready' | 'wanted'): number {
  return known.reduce((total, status) => total + status[what], 0);
}

/** What people call first: the edge, whose answers they wait for. */
function firstProblem(known: RoleStatus[]): Problem | undefined {
  for (const { role, problem } of [...known].reverse()) {
    if (problem !== undefined) return { reason: problem.reason, message: `${nameOf(role)}: ${problem.message}` };
  }
  return undefined;
}

function phaseOf(view: ServiceView, known: RoleStatus[], available: boolean): string {
  const { mode } = view.own;
  if (mode === 'stop') return 'Stopped';
  if (mode === 'pause') return 'Paused';
  // What nobody wants keeps nothing from running.
  const serves = available || known.every(({ ready, reached, wanted }) => (ready > 0 && reached) || wanted === 0);
  if (serves) return known.some(({ changing }) => changing) ? 'Updating' : 'Running';
  if (known.some(({ role }) => needProblem(view, role) !== undefined)) return 'Pending';
  return known.some(({ failure }) => failure !== undefined) ? 'Failed' : 'Starting';
}

function waitingFor({ own }: ServiceView, known: RoleStatus[]): Problem | undefined {
  const resume = `sedna resume (or annotate sedna.io/resume) goes on`;
  if (own.mode === 'stop') return { reason: 'Stopped', message: `somebody stopped it: no worker runs; ${resume}` };
  if (own.mode === 'pause') {
    return { reason: 'Paused', message: `somebody paused it: what runs goes on, edits wait; ${resume}` };
  }
  const problem = firstProblem(known);
  if (problem !== undefined) return problem;
  const late = known.find(({ changing }) => changing);
  if (late === undefined) return undefined;
  return { reason: 'Starting', message: ongoing(late) };
}

function progress(known: RoleStatus[], waiting: Problem | undefined): Verdict {
  const late = known.find(({ changing }) => changing);
  if (late === undefined || (waiting !== undefined && waiting.reason !== 'Starting')) {
    return waiting === undefined
      ? { status: false, reason: 'UpToDate' }
      : { status: false, reason: waiting.reason, message: waiting.message };
  }
  return { status: true, reason: 'Replacing', message: ongoing(late) };
}

function ongoing({ role, ready, wanted }: RoleStatus): string {
  const rest = ready < wanted ? 'others start' : 'what was wanted before is being replaced';
  return `${nameOf(role)}: ${ready} of ${wanted} replicas serve; ${rest}`;
}

function availability(view: ServiceView, known: RoleStatus[]): Verdict {
  const silent = [...known].reverse().find(({ ready, reached }) => ready === 0 || !reached);
  if (silent === undefined) {
    const where = endpoints(view)
      .map(({ name, url }) => `${name} at ${url}`)
      .join(', ');
    const unheard = known.some(({ role }) => isUnheard(view, role)) ? ', when last heard of' : '';
    return { status: true, reason: 'Serving', message: `${where === '' ? `${allOf(known)} serve` : where}${unheard}` };
  }
  const { role, ready, wanted, problem } = silent;
  if (problem !== undefined) {
    return { status: false, reason: problem.reason, message: `${nameOf(role)}: ${problem.message}` };
  }
  if (wanted === 0) return { status: false, reason: 'ScaledToZero', message: `${nameOf(role)}: no replica is wanted` };
  return {
    status: false,
    reason: 'InferenceStarting',
    message: `${nameOf(role)}: ${ready > 0 ? 'its front' : 'no replica'} is ${ready > 0 ? 'not ' : ''}ready yet`,
  };
}

/** For people. */
export function allOf(known: readonly RoleStatus[]): string {
  return known.length === 2 ? 'both workers' : 'all workers';
}

function isUnheard(view: ServiceView, role: Role): boolean {
  const { node } = setOf(view.own, role);
  return node !== undefined && nodeProblem(view, node)?.reason === 'NodeSilent';
}

function workers(view: ServiceView): Record<string, unknown>[] {
  return [...rolesOf(view), ...formerRoles(view)].flatMap((role) => {
    const set = setOf(view.own, role);
    return set.members.map((member) => {
      const problem = memberProblem(view, member);
      const { state } = replicaOf(set, member, view.operations.problem(`worker ${member.name}`) !== undefined);
      return {
        name: member.name,
        role,
        node: member.seen?.node ?? set.node,
        state: isUnheard(view, role) ? 'unknown' : state,
        revision: member.revision,
        restarts: member.seen?.restarts ?? 0,
        ...(member.seen?.pid === undefined ? {} : { pid: member.seen.pid }),
        // On its own node; everybody else goes through the front.
        ...(member.seen?.endpoints[0] === undefined ? {} : { endpoint: member.seen.endpoints[0].url }),
        ...(problem === undefined ? {} : { reason: problem.reason, message: problem.message }),
      };
    });
  });
}

/** As `edge`, `tier-<name>` and `cloud`; a further port has its name behind it. */
function endpoints(view: ServiceView): { name: string; node: string; url: string }[] {
  return rolesOf(view).flatMap((role) => {
    const { front } = setOf(view.own, role);
    return (front?.endpoints ?? []).map(({ name, url }, i) => ({
      name: i === 0 ? role : `${role}-${name}`,
      node: front?.node ?? '',
      url,
    }));
  });
}

/** Of the edge, with the ratio of the sums: a hard sample is counted once, whatever a worker makes of it. */
function serviceMetrics({ own }: ServiceView): { key: string; value: string }[] {
  const counted = totals(own.sets.edge.counts);
  const { inferenceNumber, hardExampleNumber } = counted;
  const values =
    typeof inferenceNumber === 'number' && typeof hardExampleNumber === 'number'
      ? { ...counted, uploadCloudRatio: Number((hardExampleNumber / Math.max(1, inferenceNumber)).toFixed(4)) }
      : counted;
  return Object.entries(values)
    .map(([key, value]) => ({ key, value: String(value) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}
