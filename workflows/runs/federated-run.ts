/**
 * The rounds of a federated job, from the first to the last. The job is told of every change by signal; everything that must
 * outlive a run of this workflow is in RunState, so that round 1,000 costs what round 10 costs.
 */
import {
  CancellationScope,
  ContinueAsNew,
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  log,
  workflowInfo,
} from '@temporalio/workflow';
import { AggregatorNode } from '../lib/federated/aggregator-node.ts';
import { bufferOf } from '../lib/federated/buffer.ts';
import { Asking, type Asked } from '../lib/federated/asking.ts';
import { BufferTasks } from '../lib/federated/buffer-tasks.ts';
import { chooseClients, present } from '../lib/federated/choosing.ts';
import { cohortLimits } from '../lib/federated/cohorts.ts';
import { firstModel } from '../lib/federated/first-model.ts';
import { withoutTask } from '../lib/federated/late.ts';
import { LateTasks } from '../lib/federated/late-tasks.ts';
import { failing, kept, refusing, withLate } from '../lib/federated/keeping.ts';
import { makeRound, type Makers } from '../lib/federated/making.ts';
import type { RoundStart } from '../lib/federated/round.ts';
import { commonOf, dismiss, leavers, trainerAt, type RunPlace } from '../lib/federated/trainers.ts';
import { inspectCut, isMistNet } from '../lib/federated/mist-net.ts';
import { newsOf, versionOf } from '../lib/federated/news.ts';
import { missedBy, neededClients } from '../lib/federated/quorum.ts';
import { hasEnough, judgedBy, whyComplete } from '../lib/federated/stopping.ts';
import {
  type LateRefusal,
  type LateUpdate,
  type OpenRound,
  type PoorChoice,
  type Refusal,
  type RoundRecord,
  type RunInput,
  type RunNews,
  type RunOutcome,
  type RunPlan,
  type RunStage,
  type RunState,
  type WaitingRun,
} from '../lib/federated/state.ts';
import { openRound } from '../lib/federated/opening.ts';
import { unless } from '../lib/federated/unless.ts';
import { Reports } from '../lib/federated/reports.ts';
import { Wanted } from '../lib/federated/wanted.ts';
import type { VersionStage } from '../lib/messages.ts';
import { problemOf } from '../lib/problems.ts';

export async function federatedRun(input: RunInput): Promise<RunOutcome> {
  return new Run(input).run();
}

class Run {
  readonly #input: RunInput;
  readonly #wanted: Wanted;
  #state: RunState;
  #stage: RunStage = 'Starting';
  #open: OpenRound | undefined;
  /** Of the last round that was opened. */
  #opened: RunPlan | undefined;
  #poor: PoorChoice | undefined;
  /** What it waits for before there is any model. */
  #starting: WaitingRun | undefined;
  /** That it waits for, while it aggregates or judges. */
  #node: string | undefined;
  /** Since the last round. */
  #refusedLate: LateRefusal[] = [];
  readonly #asking: Asking;
  readonly #late: LateTasks;
  readonly #buffer: BufferTasks;
  readonly #reports: Reports;
  readonly #aggregator: AggregatorNode;
  readonly #makers: Makers;

  constructor(input: RunInput) {
    this.#input = input;
    this.#state = { ...input.state };
    this.#wanted = new Wanted(input);
    // A job that was terminated takes its rounds along.
    this.#reports = new Reports(input.owner, this.#number, () => this.#wanted.stop());
    this.#asking = new Asking(input.cohorts ?? cohortLimits);
    const changed = (): void => this.#tellJob(this.#stage);
    this.#late = new LateTasks(input.state.late ?? [], { changed, refused: (refusal) => this.#refuseLate(refusal) });
    this.#buffer = new BufferTasks(input.state.buffer ?? [], { changed, refused: (refusal) => this.#refuse(refusal) });
    this.#aggregator = new AggregatorNode(input.state.aggregator, {
      place: () => this.#place,
      taken: () => this.#tellJob('Aggregating'),
    });
    this.#makers = {
      wanted: this.#wanted,
      asking: this.#asking,
      late: this.#late,
      buffer: this.#buffer,
      aggregator: this.#aggregator,
      tell: (stage, node) => this.#tellJob(stage, node),
    };
    // A plan may be of a job that has taken this run over and knows nothing yet.
    this.#wanted.listen({ plan: changed, retry: () => this.#retry() });
  }

  async run(): Promise<RunOutcome> {
    try {
      const outcome = await this.#rounds();
      await this.#ended(outcome);
      return outcome;
    } catch (error) {
      if (error instanceof ContinueAsNew) throw error;
      const { reason, message } = problemOf(error);
      if (reason === 'Error' && !isCancellation(error)) throw error;
      const problem = isCancellation(error)
        ? { reason: 'RoundEnded', message: 'somebody ended the rounds' }
        : { reason, message };
      const outcome: RunOutcome = { kind: 'failed', state: this.#remembered, problem };
      await CancellationScope.nonCancellable(() => this.#ended(outcome));
      if (isCancellation(error)) throw error;
      return outcome;
    }
  }

  // --- the story ----------------------------------------------------------------------------------------------------

  async #rounds(): Promise<RunOutcome> {
    this.#late.expire(this.#number);
    this.#late.resume((entries) => this.#askLate(entries));
    while (!this.#finished()) {
      if (!(await this.#gate())) return { kind: 'stopped', state: this.#remembered };
      await this.#round();
      if (workflowInfo().continueAsNewSuggested && !this.#finished()) await this.#again();
    }
    return this.#complete();
  }

  async #round(): Promise<void> {
    await this.#enoughClients();
    if (this.#wanted.isStopped) return;
    const plan = this.#wanted.plan;
    if (!(await this.#isChecked(plan))) return;
    // Its strategy may need more than were there.
    if (!this.#hasEnough(plan)) return;
    await this.#aggregator.letGo(plan);
    const start = await this.#start(plan);
    if (start === undefined) return;
    const selected = await chooseClients(plan, this.#state, this.#number + 1);
    const minUpdates = this.#aggregator.minUpdates(plan);
    const need = missedBy(selected, plan, minUpdates);
    if (need !== undefined) return this.#otherChoice(plan, { selected, need });
    // An edit may have given the job another kind of strategy, for which what is under way is of no use.
    if (bufferOf(plan.fields) === undefined) this.#buffer.drop(this.#buffer.entries);
    else this.#late.expire(Infinity);
    const of = { round: this.#number + 1, plan, selected, minUpdates };
    const round = (this.#open = openRound({ ...of, late: this.#late.entries, now: Date.now() }));
    this.#tellJob('Collecting');
    this.#dismissLeavers(plan);
    const whole = await makeRound(this.#makers, start, round);
    if (whole === undefined) return this.#leave(round);
    const record = withLate(whole, this.#refusedLate);
    this.#refusedLate = [];
    this.#open = undefined;
    const before = record.ofBefore === undefined ? undefined : judgedBy(record, this.#last);
    this.#state = kept(this.#state, record, { round, rules: this.#wanted.plan.fields.rounds });
    if (before !== undefined) this.#publish(before, 'candidate');
    this.#publish(record, 'candidate');
    this.#tellJob('Waiting');
  }

  /** Trainers that no task comes to any more would stay until the job is deleted. Nobody waits for their nodes. */
  #dismissLeavers(plan: RunPlan): void {
    const before = this.#opened;
    this.#opened = plan;
    const gone = before === undefined || before === plan ? [] : leavers(before, plan);
    if (before === undefined || gone.length === 0) return;
    void dismiss({ ...this.#place, plan: before }, this.#last?.weights, gone).catch((error: unknown) =>
      log.warn('trainers of former clients may still run', { error: String(error) }),
    );
  }

  async #complete(): Promise<RunOutcome> {
    this.#buffer.drop(this.#buffer.entries);
    const last = this.#state.best?.record ?? this.#last;
    if (last !== undefined) this.#publish(last, 'live');
    const { finished = false } = this.#last ?? {};
    await Promise.all([dismiss(this.#place, last?.weights), this.#aggregator.dismiss(finished)]);
    const { met } = this.#state;
    const why = whyComplete(this.#wanted.plan.fields.rounds, { met, round: this.#number, live: last, finished });
    return { kind: 'completed', state: this.#remembered, ...why };
  }

  // --- steps --------------------------------------------------------------------------------------------------------

  get #last(): RoundRecord | undefined {
    return this.#state.records.at(-1);
  }

  /** Rounds that are finished. */
  get #number(): number {
    return this.#last?.round ?? 0;
  }

  /** What the next run starts from. */
  get #remembered(): RunState {
    const [late, buffer, aggregator] = [this.#late.entries, this.#buffer.entries, this.#aggregator.asked];
    const { late: _, buffer: __, aggregator: ___, ...state } = this.#state;
    return {
      ...state,
      ...(late.length === 0 ? {} : { late }),
      ...(buffer.length === 0 ? {} : { buffer }),
      ...(aggregator === undefined ? {} : { aggregator }),
    };
  }

  get #place(): RunPlace {
    return { owner: this.#input.owner, runId: workflowInfo().workflowId, plan: this.#wanted.plan };
  }

  #finished(): boolean {
    const { rounds } = this.#wanted.plan.fields;
    return this.#number >= rounds.total || hasEnough(this.#state.met, rounds) || this.#last?.finished === true;
  }

  /** Between two rounds: waits while paused (no bound: a person resumes). False: stopped. */
  async #gate(): Promise<boolean> {
    await condition(() => this.#wanted.mode !== 'pause');
    return !this.#wanted.isStopped;
  }

  /** Undefined: something of it was awaited, and somebody stops the job, or it is to be looked at anew. */
  async #start(plan: RunPlan): Promise<RoundStart | undefined> {
    const model = this.#last ?? (await this.#firstModel(plan));
    if (model === undefined) return undefined;
    const start: RoundStart = { ...this.#place, plan, model };
    if (!isMistNet(plan.fields)) return start;
    const encoding = await unless(
      () => inspectCut(start),
      () => this.#wanted.overtakes(plan),
    );
    return encoding && { ...start, encoding };
  }

  /** Pinned once it is known. */
  async #firstModel(plan: RunPlan): Promise<RunState['initial']> {
    const known = this.#state.initial ?? plan.start;
    const found = known === undefined ? await this.#findFirst(plan) : { initial: known, tookLong: false };
    if (found === undefined) return undefined;
    this.#state = { ...this.#state, initial: found.initial };
    // Else the round begins with the clients that there are by now.
    return found.tookLong ? undefined : found.initial;
  }

  async #findFirst({ generation }: RunPlan): ReturnType<typeof firstModel> {
    const changed = (waiting: WaitingRun): void => {
      this.#starting = waiting;
      this.#tellJob('Starting');
    };
    const isOver = (): boolean => this.#wanted.isStopped || generation !== this.#wanted.plan.generation;
    const found = await firstModel({ place: () => this.#place, isOver, changed });
    this.#starting = undefined;
    return found;
  }

  #hasEnough(plan: RunPlan): boolean {
    return present(plan).length >= neededClients(plan, this.#number, this.#aggregator.minUpdates(plan));
  }

  async #enoughClients(): Promise<void> {
    const enough = (): boolean => this.#hasEnough(this.#wanted.plan) || this.#wanted.isStopped;
    if (!enough()) this.#tellJob('Waiting');
    await condition(enough);
  }

  /** No bound: what a choice is made of comes with its nodes, or from a person. */
  async #otherChoice(plan: RunPlan, poor: PoorChoice): Promise<void> {
    this.#poor = poor;
    this.#tellJob('Waiting');
    await condition(() => this.#wanted.plan !== plan || this.#wanted.isStopped);
    this.#poor = undefined;
  }

  /** False: the node that aggregates is still awaited, but overtaken. */
  async #isChecked(plan: RunPlan): Promise<boolean> {
    return (
      (await unless(
        () => this.#aggregator.check(plan).then(() => true),
        () => this.#wanted.overtakes(plan),
      )) ?? false
    );
  }

  /** The same round is opened again some day. */
  #leave(round: OpenRound): void {
    if (round.buffered !== undefined) this.#buffer.giveBack(round.buffered, this.#wanted.isStopped);
    this.#state = refusing(this.#state, round.refused);
    this.#open = undefined;
  }

  /** For the run before this one, or the stopped one: the same tasks, which the nodes know. Late ones are all of one round. */
  #askLate(entries: LateUpdate[]): Asked[] {
    const [first] = entries;
    if (first === undefined) return [];
    const { round, base: weights, settings } = first;
    const work = { task: 'Train', weights, settings, evaluate: false } as const;
    const trainers = entries.flatMap(({ client }) => trainerAt(this.#wanted.plan, client) ?? []);
    return this.#asking.ask({ common: commonOf(this.#place), round, work }, trainers);
  }

  async #again(): Promise<never> {
    await this.#reports.told();
    await condition(allHandlersFinished);
    const { plan, mode } = this.#wanted;
    const state = this.#remembered;
    return continueAsNew<typeof federatedRun>({ ...this.#input, plan, mode, state });
  }

  // --- messages -----------------------------------------------------------------------------------------------------

  #retry(): boolean {
    if (this.#open === undefined) return false;
    this.#state = refusing(this.#state, this.#open.refused);
    this.#open.refused = [];
    return true;
  }

  /** Of a task that outlives rounds: it counts in the one that is open. */
  #refuse(refusal: Refusal): void {
    if (this.#open !== undefined) this.#open.refused = [...this.#open.refused, refusal];
    else this.#state = refusing(failing(this.#state, refusal), [refusal]);
  }

  /** Of a round that has closed: its client may still be asked in the open one. */
  #refuseLate(refusal: LateRefusal): void {
    this.#state = refusing(failing(this.#state, refusal), [refusal]);
    this.#refusedLate = [...this.#refusedLate, refusal];
    if (this.#open !== undefined) this.#open.late = withoutTask(this.#open.late, refusal);
  }

  /** `node`: that is waited for; while it is aggregated or judged the one of before, unless said. */
  #tellJob(stage: RunStage, node?: string): void {
    this.#stage = stage;
    const isElsewhere = stage === 'Aggregating' || stage === 'Evaluating';
    this.#node = isElsewhere ? (node ?? this.#node) : undefined;
    this.#reports.news((sequence, told) => this.#news(sequence, told));
  }

  #ended(outcome: RunOutcome): Promise<void> {
    const { epoch, attempt } = this.#input;
    return this.#reports.ended({ epoch, attempt, outcome });
  }

  #news(sequence: number, told: number): RunNews {
    return newsOf({
      epoch: this.#input.epoch,
      run: workflowInfo().runId,
      sequence,
      stage: this.#stage,
      plan: this.#wanted.plan,
      open: this.#open,
      starting: this.#starting,
      node: this.#node,
      late: this.#late.entries,
      buffer: this.#buffer.entries,
      records: this.#state.records,
      told,
      initial: this.#state.initial,
      aggregator: this.#aggregator.asked,
      minUpdates: this.#aggregator.minUpdates(this.#wanted.plan),
      poor: this.#poor,
      refusals: this.#state.refusals,
      refusedLate: this.#refusedLate,
      isFinished: this.#finished(),
      now: Date.now(),
    });
  }

  #publish(record: RoundRecord, stage: VersionStage): void {
    this.#reports.version(
      this.#wanted.plan.fields.model,
      versionOf(this.#input.owner, this.#wanted.plan, record, stage),
    );
  }
}
