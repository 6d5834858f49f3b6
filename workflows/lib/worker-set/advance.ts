/** Takes a set one step towards what is wanted: decides by the plan, and notes it in the state. */
import { planSet, type Replica } from './plan.ts';
import { retire } from './counts.ts';
import type { Member, RevisionWorker, SetState } from './state.ts';

export interface WantedSet {
  node: string;
  replicas: number;
  /** Absent: what is wanted is not known or not fit yet; what there is goes on. */
  worker?: RevisionWorker;
  /** Equal for equal workers. */
  digest?: string;
}

export interface SetNames {
  replica(number: number): string;
  front: string;
  /** Why this one cannot be started, although its node has said nothing. */
  failed(member: string): boolean;
}

export function advance(set: SetState, wanted: WantedSet, names: SetNames): void {
  if (set.node !== undefined && set.node !== wanted.node) leave(set, names.front);
  if (set.node !== wanted.node) takePlace(set, wanted.node, names.front);
  const { worker, digest = '' } = wanted;
  if (worker !== undefined && set.revisions[set.revision]?.digest !== digest) {
    set.revision += 1;
    set.revisions[set.revision] = { digest, worker };
  }
  // Without anything to run nothing can be started, but what runs can be let go.
  const known = set.revisions[set.revision] !== undefined;
  const replicas = set.members.map((member) => replicaOf(set, member, names.failed(member.name)));
  const { start, drain } = planSet(wanted.replicas, replicas);
  for (const member of set.members) if (drain.includes(member.name)) member.draining = true;
  for (let i = 0; known && i < start; i++) {
    set.born += 1;
    set.members.push({ name: names.replica(set.born), revision: set.revision });
  }
  forgetRevisions(set);
}

export function replicaOf(set: SetState, member: Member, failed: boolean): Replica {
  const { name, seen, draining, revision } = member;
  const current = revision === set.revision;
  if (draining === true) return { name, current, state: 'draining' };
  if (failed) return { name, current, state: 'failing' };
  const { state = 'starting' } = seen ?? {};
  return { name, current, state: state === 'running' ? 'starting' : state };
}

/** It is gone for good. */
export function forget(set: SetState, name: string): void {
  set.members = set.members.filter((member) => member.name !== name);
  retire(set.counts, name);
  forgetRevisions(set);
}

/** Everything is begun anew elsewhere; what is left behind is removed when the new place serves, or when the node is back. */
export function leave(set: SetState, front: string): void {
  const workers = [...set.members.map(({ name }) => name), front];
  for (const { name } of set.members) retire(set.counts, name);
  set.left = [...set.left, { node: set.node ?? '', workers }];
  set.members = [];
  set.front = undefined;
}

/** Back where it has been before: the front there is wanted again. */
function takePlace(set: SetState, node: string, front: string): void {
  set.node = node;
  set.left = set.left.map((left) =>
    left.node === node ? { node, workers: left.workers.filter((name) => name !== front) } : left,
  );
}

function forgetRevisions(set: SetState): void {
  const used = new Set([set.revision, ...set.members.map(({ revision }) => revision)]);
  for (const revision of Object.keys(set.revisions)) {
    if (!used.has(Number(revision))) delete set.revisions[revision];
  }
}
