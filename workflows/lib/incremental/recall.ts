/**
 * A job whose entity was ended by hand, or lost with Temporal's database, while its object stayed: it goes on behind the rounds that its status
 * tells of. Else it would use their samples again, and take the results of their workers, which nodes still have under the same names.
 */
import { conditionsOf, isCount, modeOf } from '../recalling.ts';
import type { JobView } from './situation.ts';

export function recall(view: JobView, { round, usedSamples, conditions }: Record<string, unknown>): void {
  const { own } = view;
  if (!isCount(round) || !isCount(usedSamples) || own.round >= round) return;
  own.round = round;
  // Which they were nobody knows any more; that there are as many is all that can be checked.
  if (usedSamples > own.cursor.samples) own.cursor = { samples: usedSamples, digest: '' };
  const mode = modeOf(conditionsOf(conditions));
  if (mode !== 'run') own.mode = mode;
  view.emit({
    type: 'Warning',
    reason: 'Recalled',
    message: `its workflow was gone: it goes on after round ${round}, with ${usedSamples} samples used`,
  });
}
