/** What the campaigns have in common: seeds become plans, plans are played against the real stack, an oracle judges what is left. */
export interface Planned {
  /** 0: undisturbed. */
  seed: number;
  scenario: string;
}

export interface AnyFault {
  target: string;
  action: string;
}

export interface Injection<F extends AnyFault = AnyFault> {
  fault: F;
  /** Seconds after the start of the story. */
  at: number;
  /** Where the job was by then. */
  found: string;
  /** False: the target did not run at that moment, nothing was hit. */
  hit: boolean;
}

export interface Result<O, F extends AnyFault> {
  outcome?: O;
  injections: Injection<F>[];
  /** For people: what the scenario did, and when. */
  deeds: string[];
  /** What is wrong; empty when nothing is. */
  violations: string[];
  seconds: number;
}

export interface Campaign<P extends Planned, R extends Result<unknown, AnyFault>> {
  name: string;
  plan(seed: number): P;
  /** The undisturbed run that a plan is compared with. Played once for all plans for which `scenario` is the same. */
  undisturbed(plan: P): P;
  /** `undisturbed`: outcome of that run; absent where this is it. */
  play(plan: P, undisturbed: R['outcome'] | undefined): Promise<R>;
  /** Why a scenario cannot be played on this machine. */
  missing(plan: P): string | undefined;
  /** Result of a plan that was not played. */
  none: R;

  // --- for the report ---
  describe(fault: R['injections'][number]['fault']): string;
  /** Further numbers of a seed. */
  numbers(result: R): string[];
  /** All that can be hit, and how. */
  kinds: readonly (readonly [string, string])[];
  /** Columns of the table of hits, and to which of them `found` of an injection belongs. */
  columns: readonly string[];
  columnOf: (found: string) => string;
  scenarios: readonly string[];
  /** Outcome as the report for machines has it. */
  brief(outcome: NonNullable<R['outcome']>): unknown;
}

// Campaigns differ in their plans and outcomes; whoever runs one of them has no use for the difference.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyCampaign = Campaign<any, any>;
