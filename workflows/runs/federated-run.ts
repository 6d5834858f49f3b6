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
  defineSignal,
  isCancellation,
  log,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { aggregatePatiently, differ } from '../lib/federated/aggregating.ts';
import { AggregatorNode } from '../lib/federated/aggregator-node.ts';
import { bufferOf } from '../lib/federated/buffer.ts';
import { Asking, type Asked } from '../lib/federated/asking.ts';
import { BufferTasks } from '../lib/federated/buffer-tasks.ts';
import { fillBuffer } from '../lib/federated/buffered-round.ts';
import { chooseClients, present } from '../lib/federated/choosing.ts';
import { cohortLimits } from '../lib/federated/cohorts.ts';
import { importedModel } from '../lib/federated/first-model.ts';
import { firstWeights } from '../lib/federated/first-weights.ts';
import { isJudged, isJudgedOtherwise, judged } from '../lib/federated/judging.ts';
import { withoutTask } from '../lib/federated/late.ts';
import { LateTasks } from '../lib/federated/late-tasks.ts';
import { failing, kept, refusing, withLate } from '../lib/federated/keeping.ts';
import { collect, type RoundStart } from '../lib/federated/round.ts';
import { commonOf, dismiss, leavers, trainerAt, type RunPlace } from '../lib/federated/trainers.ts';
import { inspectCut, isMistNet } from '../lib/federated/mist-net.ts';
import { lossesPerRound, lostUpdates, reopen, storeLosesThem } from '../lib/federated/lost-updates.ts';
import { newsOf, versionOf } from '../lib/federated/news.ts';
import { missedBy, neededClients } from '../lib/federated/quorum.ts';
import { hasEnough, judgedBy, whyComplete } from '../lib/federated/stopping.ts';
import {
  type LateRefusal,
  type LateUpdate,
  type Mode,
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
import type { VersionStage } from '../lib/messages.ts';
import { problemOf } from '../lib/problems.ts';

const planSignal = defineSignal<[RunPlan]>('plan');
const retrySignal = defineSignal('retry');
const modeSignal = defineSignal<[Mode]>('mode');

export async function federatedRun(input: RunInput): Promise<RunOutcome> {
  return new Run(input).run();
}

class Run {
  readonly #input: RunInput;
  #state: RunState;
  #plan: RunPlan;
  #mode: Mode;
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
  /** Times that somebody wanted tried at once what fails. */
  #retries = 0;

  constructor(input: RunInput) {
    this.#input = input;
    this.#state = { ...input.state };
    this.#plan = input.plan;
    this.#mode = input.mode;
    // A job that was terminated takes its rounds along.
    this.#reports = new Reports(input.owner, this.#number, () => (this.#mode = 'stop'));
    this.#asking = new Asking(input.cohorts ?? cohortLimits);
    const changed = (): void => this.#tellJob(this.#stage);
    this.#late = new LateTasks(input.state.late ?? [], { changed, refused: (refusal) => this.#refuseLate(refusal) });
    this.#buffer = new BufferTasks(input.state.buffer ?? [], { changed, refused: (refusal) => this.#refuse(refusal) });
    this.#aggregator = new AggregatorNode(input.state.aggregator, {
      place: () => this.#place,
      taken: () => this.#tellJob('Aggregating'),
    });
    setHandler(planSignal, (plan) => this.#learn(plan), {
      description: 'The job as it is wanted from the next round on',
    });
    setHandler(retrySignal, () => this.#retry(), { description: 'Ask refused clients of the open round again' });
    setHandler(modeSignal, (mode) => void (this.#mode = mode), {
      description: 'run, pause or stop between two rounds',
    });
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
    if (this.#mode === 'stop') return;
    const plan = this.#plan;
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
    const made = await this.#made(start, round);
    const whole = made && (await this.#judged(made));
    if (whole === undefined) return this.#leave(round);
    const record = withLate(whole, this.#refusedLate);
    this.#refusedLate = [];
    this.#open = undefined;
    const before = record.ofBefore === undefined ? undefined : judgedBy(record, this.#last);
    this.#state = kept(this.#state, record, { round, rules: this.#plan.fields.rounds });
    if (before !== undefined) this.#publish(before, 'candidate');
    this.#publish(record, 'candidate');
    this.#tellJob('Waiting');
  }

  /** Collects and aggregates; again, where accepted updates are lost in between. Undefined: the round is left. */
  async #made(start: RoundStart, round: OpenRound): Promise<RoundRecord | undefined> {
    for (let losses = 0; ; losses++) {
      if (!(await this.#isCollected(start, round))) return undefined;
      this.#aggregator.note(start.plan);
      this.#tellJobOf('Aggregating', start.plan.aggregator);
      try {
        return await this.#aggregated(start, round);
      } catch (error) {
        const lost = lostUpdates(error);
        if (lost === undefined) throw error;
        if (losses === lossesPerRound) throw storeLosesThem(error);
        this.#late.expire(round.round + 1);
        this.#buffer.giveBack(reopen(round, lost), false);
        this.#tellJob('Collecting');
      }
    }
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

  #isCollected(start: RoundStart, round: OpenRound): Promise<boolean> {
    const isStopped = (): boolean => this.#mode === 'stop';
    const changed = (): void => this.#tellJob('Collecting');
    return round.buffer === undefined
      ? collect(start, round, { changed, isStopped, asking: this.#asking, late: this.#late })
      : fillBuffer(start, round, { changed, isStopped, buffer: this.#buffer, latest: () => this.#plan });
  }

  async #complete(): Promise<RunOutcome> {
    this.#buffer.drop(this.#buffer.entries);
    const last = this.#state.best?.record ?? this.#last;
    if (last !== undefined) this.#publish(last, 'live');
    const { finished = false } = this.#last ?? {};
    await Promise.all([dismiss(this.#place, last?.weights), this.#aggregator.dismiss(finished)]);
    const { met } = this.#state;
    const why = whyComplete(this.#plan.fields.rounds, { met, round: this.#number, live: last, finished });
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
    return { owner: this.#input.owner, runId: workflowInfo().workflowId, plan: this.#plan };
  }

  #finished(): boolean {
    const { rounds } = this.#plan.fields;
    return this.#number >= rounds.total || hasEnough(this.#state.met, rounds) || this.#last?.finished === true;
  }

  /** Between two rounds: waits while paused (no bound: a person resumes). False: stopped. */
  async #gate(): Promise<boolean> {
    await condition(() => this.#mode !== 'pause');
    return this.#mode !== 'stop';
  }

  /** Undefined: something of it was awaited, and somebody stops the job, or it is to be looked at anew. */
  async #start(plan: RunPlan): Promise<RoundStart | undefined> {
    const model = this.#last ?? (await this.#firstModel(plan));
    if (model === undefined) return undefined;
    const start: RoundStart = { ...this.#place, plan, model };
    if (!isMistNet(plan.fields)) return start;
    const encoding = await unless(() => inspectCut(start), this.#overtakes(plan));
    return encoding && { ...start, encoding };
  }

  /** Pinned once it is known. */
  async #firstModel(plan: RunPlan): Promise<RunState['initial']> {
    const isOver = (): boolean => this.#mode === 'stop' || plan.generation !== this.#plan.generation;
    const known = this.#state.initial ?? plan.start;
    const found = known ?? (await unless(async () => (await importedModel(this.#place)) ?? 'none', isOver));
    if (found === undefined) return undefined;
    const initial = found === 'none' ? await this.#firstWeights(isOver) : found;
    if (initial !== undefined) this.#state = { ...this.#state, initial };
    // That may have taken long: the round begins with the clients that there are by now.
    return found === 'none' ? undefined : initial;
  }

  async #firstWeights(isOver: () => boolean): Promise<RunState['initial']> {
    const changed = (waiting: WaitingRun): void => {
      this.#starting = waiting;
      this.#tellJob('Starting');
    };
    const weights = await firstWeights({ place: () => this.#place, isOver, changed });
    this.#starting = undefined;
    return weights && { weights };
  }

  #hasEnough(plan: RunPlan): boolean {
    return present(plan).length >= neededClients(plan, this.#number, this.#aggregator.minUpdates(plan));
  }

  async #enoughClients(): Promise<void> {
    const enough = (): boolean => this.#hasEnough(this.#plan) || this.#mode === 'stop';
    if (!enough()) this.#tellJob('Waiting');
    await condition(enough);
  }

  /** No bound: what a choice is made of comes with its nodes, or from a person. */
  async #otherChoice(plan: RunPlan, poor: PoorChoice): Promise<void> {
    this.#poor = poor;
    this.#tellJob('Waiting');
    await condition(() => this.#plan !== plan || this.#mode === 'stop');
    this.#poor = undefined;
  }

  /** Of what waits for the node that aggregates: somebody stops the job, or wants that done otherwise. */
  #overtakes(plan: RunPlan): () => boolean {
    return () => this.#mode === 'stop' || differ(plan, this.#plan);
  }

  /** False: the node that aggregates is still awaited, but overtaken. */
  async #isChecked(plan: RunPlan): Promise<boolean> {
    return (await unless(() => this.#aggregator.check(plan).then(() => true), this.#overtakes(plan))) ?? false;
  }

  #aggregated(start: RoundStart, round: OpenRound): Promise<RoundRecord | undefined> {
    return aggregatePatiently(start, round, {
      isStopped: () => this.#mode === 'stop',
      retries: () => this.#retries,
      latest: () => this.#plan,
      letGo: (plan) => this.#aggregator.letGo(plan),
      ready: (plan) => {
        if (plan.aggregator !== this.#node) this.#tellJobOf('Aggregating', plan.aggregator);
        return this.#aggregator.ready(plan);
      },
    });
  }

  /** As it is wanted now: an edit may mend it. Undefined: somebody stops the job meanwhile. */
  async #judged(made: RoundRecord): Promise<RoundRecord | undefined> {
    for (;;) {
      const [plan, retries] = [this.#plan, this.#retries];
      if (!isJudged(plan, made.round)) return made;
      this.#tellJobOf('Evaluating', plan.test?.node);
      const isOver = (): boolean =>
        this.#mode === 'stop' || this.#retries !== retries || isJudgedOtherwise(plan, this.#plan);
      const record = await unless(() => judged(plan, made), isOver);
      if (record !== undefined || this.#mode === 'stop') return record;
    }
  }

  /** The same round is opened again some day. */
  #leave(round: OpenRound): void {
    if (round.buffered !== undefined) this.#buffer.giveBack(round.buffered, this.#mode === 'stop');
    this.#state = refusing(this.#state, round.refused);
    this.#open = undefined;
  }

  /** For the run before this one, or the stopped one: the same tasks, which the nodes know. Late ones are all of one round. */
  #askLate(entries: LateUpdate[]): Asked[] {
    const [first] = entries;
    if (first === undefined) return [];
    const { round, base: weights, settings } = first;
    const work = { task: 'Train', weights, settings, evaluate: false } as const;
    const trainers = entries.flatMap(({ client }) => trainerAt(this.#plan, client) ?? []);
    return this.#asking.ask({ common: commonOf(this.#place), round, work }, trainers);
  }

  async #again(): Promise<never> {
    await this.#reports.told();
    await condition(allHandlersFinished);
    const [plan, mode, state] = [this.#plan, this.#mode, this.#remembered];
    return continueAsNew<typeof federatedRun>({ ...this.#input, plan, mode, state });
  }

  // --- messages -----------------------------------------------------------------------------------------------------

  #learn(plan: RunPlan): void {
    if (plan.generation < this.#plan.generation) return;
    this.#plan = plan;
    // It may be of a job that has taken this run over and knows nothing yet.
    this.#tellJob(this.#stage);
  }

  #retry(): void {
    if (this.#open === undefined) return;
    this.#retries += 1;
    this.#state = refusing(this.#state, this.#open.refused);
    this.#open.refused = [];
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

  #tellJob(stage: RunStage): void {
    this.#stage = stage;
    if (stage !== 'Aggregating' && stage !== 'Evaluating') this.#node = undefined;
    this.#reports.news((sequence, told) => this.#news(sequence, told));
  }

  #tellJobOf(stage: 'Aggregating' | 'Evaluating', node: string | undefined): void {
    this.#node = node;
    this.#tellJob(stage);
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
      plan: this.#plan,
      open: this.#open,
      starting: this.#starting,
      node: this.#node,
      late: this.#late.entries,
      buffer: this.#buffer.entries,
      records: this.#state.records,
      told,
      initial: this.#state.initial,
      aggregator: this.#aggregator.asked,
      minUpdates: this.#aggregator.minUpdates(this.#plan),
      poor: this.#poor,
      refusals: this.#state.refusals,
      refusedLate: this.#refusedLate,
      isFinished: this.#finished(),
      now: Date.now(),
    });
  }

  #publish(record: RoundRecord, stage: VersionStage): void {
    this.#reports.version(this.#plan.fields.model, versionOf(this.#input.owner, this.#plan, record, stage));
  }
}
