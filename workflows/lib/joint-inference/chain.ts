/** The sets of a joint inference service in their order: the edge, its tiers, the cloud. Each asks the one above it. Pure. */
import type { JointInferenceServiceFields, TierFields, WorkerSetFields } from '../../../crds/fields.ts';
import { emptySet, type SetState } from '../worker-set/state.ts';
import type { JointInferenceState, Role, ServiceView, TierRole } from './state.ts';

/** In the order in which they are started: the address of the cloud is needed below it, and so on down to the edge. */
export function rolesOf({ desired }: ServiceView): Role[] {
  return [
    'cloud',
    ...tiersOf(desired.fields)
      .map(({ name }) => tierRole(name))
      .reverse(),
    'edge',
  ];
}

/** The sets of tiers that the manifest does not have any more. */
export function formerRoles(view: ServiceView): TierRole[] {
  const present = rolesOf(view);
  return Object.keys(view.own.sets).filter((role): role is TierRole => isTier(role) && !present.includes(role));
}

/** Which set its hard examples go to; none for the cloud. */
export function above(view: ServiceView, role: Role): Role | undefined {
  const roles = rolesOf(view);
  return roles[roles.indexOf(role) - 1];
}

/** Which set asks it; none for the edge. */
export function below(view: ServiceView, role: Role): Role | undefined {
  const roles = rolesOf(view);
  return roles[roles.indexOf(role) + 1];
}

export function fieldsOf({ desired }: ServiceView, role: Role): WorkerSetFields & { model: string } {
  return isTier(role) ? tierFields(desired.fields, role) : desired.fields[role];
}

export function tierFields(fields: JointInferenceServiceFields, role: TierRole): TierFields {
  const found = tiersOf(fields).find(({ name }) => tierRole(name) === role);
  if (found === undefined) throw new Error(`there is no ${nameOf(role)}`);
  return found;
}

/** Path of its worker in the manifest. */
export function pathOf({ desired }: ServiceView, role: Role): string {
  if (!isTier(role)) return `spec.${role}Worker`;
  return `spec.tiers[${tiersOf(desired.fields).findIndex(({ name }) => tierRole(name) === role)}]`;
}

/** Empty where there is none yet; the plan keeps it. */
export function setOf({ sets }: JointInferenceState, role: Role): SetState {
  return sets[role] ?? emptySet();
}

/** For people. */
export function nameOf(role: Role): string {
  return isTier(role) ? `tier ${shortName(role)}` : `${role} worker`;
}

/** As the manifest calls it. */
export function shortName(role: Role): string {
  return isTier(role) ? role.slice('tier-'.length) : role;
}

export function isTier(role: string): role is TierRole {
  return role.startsWith('tier-');
}

function tierRole(name: string): TierRole {
  return `tier-${name}`;
}

function tiersOf({ tiers = [] }: JointInferenceServiceFields): TierFields[] {
  return tiers;
}
