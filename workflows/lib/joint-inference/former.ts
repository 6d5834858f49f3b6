/** Tiers that the manifest does not have any more: they serve until nobody asks them, then they go. */
import { frontName } from '../ids.ts';
import type { Operation } from '../operations.ts';
import { leave } from '../worker-set/advance.ts';
import { leftOperations, memberOperations, type SetContext } from '../worker-set/operations.ts';
import { isAsked } from './addresses.ts';
import { formerRoles } from './chain.ts';
import type { ServiceView, TierRole } from './state.ts';

/** What must go on for them; what nobody needs any more is forgotten. */
export function leaveFormerTiers(view: ServiceView, contextOf: (role: TierRole) => SetContext): Operation[] {
  const { own } = view;
  return formerRoles(view).flatMap((role) => {
    const context = contextOf(role);
    const { set, owner } = context;
    // Its front goes on by itself.
    if (own.mode === 'pause' || isAsked(own, role)) return memberOperations(context);
    if (set.node !== undefined) leave(set, frontName(owner, role));
    set.node = undefined;
    if (set.left.length > 0) return leftOperations(context);
    // Should the manifest have it again: names of workers are used once.
    own.bornBefore = { ...own.bornBefore, [role]: set.born };
    delete own.sets[role];
    delete own.tierAddresses?.[role];
    own.tiersWaitedFor = own.tiersWaitedFor?.filter((one) => one !== role);
    return [];
  });
}
