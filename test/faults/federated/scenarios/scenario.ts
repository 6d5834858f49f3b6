import type { RunHistory } from '../history.ts';
import type { Story } from '../story.ts';
import type { JobStatus } from '../status.ts';
import type { WorldOptions } from '../world.ts';
import type { Draw } from '../plan.ts';

export interface Scenario {
  world?: (draw: Draw) => WorldOptions;
  /** What becomes of it depends on when things happen: only what must hold of every run is checked. */
  isOpen?: boolean;
  /** Rounds are opened again: clients are asked again, and their answers are found. */
  reopens?: boolean;
  /** What was trained may not be kept: a trainer is asked again for what it never could hand over. */
  losesWork?: boolean;
  /** The undisturbed run plays this scenario too, its deeds change what comes out. */
  changesOutcome?: boolean;
  /** Rounds that there must be at the end. Default: ten. */
  rounds?: number;
  /** What is wrong with what was made of the updates. Default: each round is the mean of what was accepted in it. */
  judge?: (history: RunHistory, story: Story) => Promise<string[]>;
  /** Gives the status at the end. */
  play(story: Story): Promise<JobStatus>;
  /** Why it cannot be played on this machine. */
  missing?: () => string | undefined;
}
