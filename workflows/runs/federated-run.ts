/**
 * The rounds of a federated job, from the first to the last. The job is told of every change by signal; everything that must
 * outlive a run of this workflow is in RunState, so that round 1,000 costs what round 10 costs.
 */
import {
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ImportedModel, ModelSource } from '../../activities/contracts.ts';
import { control, edge, farewell, resident } from '../lib/activities.ts';
import { aggregate, collect, trainerName, trainerOf, type RoundStart } from '../lib/federated/round.ts';
import { newsOf, versionOf } from '../lib/federated/news.ts';
import { quorumOf, startingClients } from '../lib/federated/quorum.ts';
import { seedOf } from '../lib/federated/settings.ts';
import { better, hasEnough, metSoFar } from '../lib/federated/stopping.ts';
import {
  keptRounds,
  type Mode,
  type OpenRound,
  type RoundRecord,
  type RunInput,
  type RunNews,
  type RunOutcome,
  type RunPlan,
  type RunStage,
  type RunState,
} from '../lib/federated/state.ts';
import { entityId } from '../lib/ids.ts';
import { signals, type VersionStage } from '../lib/messages.ts';
import { problemOf } from '../lib/problems.ts';

const planSignal = defineSignal<[RunPlan]>('plan');
const retrySignal = defineSignal('retry');
const modeSignal = defineSignal<[Mode]>('mode');

export async function federatedRun(input: RunInput): Promise<RunOutcome> {
  return new Run(input).run();
}

class Run {
  readonly #input: RunInput;
  readonly #state: RunState;
  #plan: RunPlan;
  #mode: Mode = 'run';
  #stage: RunStage = 'Starting';
  #open: OpenRound | undefined;
  readonly #scope = CancellationScope.current();
  #told = Promise.resolve();
  #sequence = 0;

  constructor(input: RunInput) {
    this.#input = input;
    this.#state = { ...input.state };
    this.#plan = input.plan;
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
      await this.#start();
      while (!this.#finished()) {
        if (!(await this.#gate())) return { kind: 'stopped', state: this.#state };
        await this.#round();
        if (workflowInfo().continueAsNewSuggested && !this.#finished()) await this.#again();
      }
      return await this.#complete();
    } catch (error) {
      const problem = problemOf(error);
      if (problem.reason === 'Error') throw error;
      return { kind: 'failed', state: this.#state, problem };
    }
  }

  // --- the story ----------------------------------------------------------------------------------------------------

  /** Waits for enough clients, then finds the first global model. */
  async #start(): Promise<void> {
    await this.#enoughClients();
    if (this.#state.initial !== undefined || this.#last !== undefined) return;
    const { pretrained, model } = this.#plan;
    const imported = (pretrained && (await this.#import(pretrained))) ?? (await this.#import(model));
    this.#state.initial = imported ?? { weights: await this.#firstWeights() };
  }

  async #round(): Promise<void> {
    await this.#enoughClients();
    const plan = this.#plan;
    const model = this.#last ?? this.#state.initial;
    if (model === undefined) throw new Error('a round began without a model');
    const start: RoundStart = { owner: this.#input.owner, runId: workflowInfo().workflowId, plan, model };
    const selected = await this.#select(plan);
    const round = (this.#open = this.#openRound(plan, selected));
    this.#tell('Collecting');
    const isStopped = (): boolean => this.#mode === 'stop';
    if (!(await collect(start, round, { changed: () => this.#tell('Collecting'), isStopped }))) {
      this.#open = undefined;
      return;
    }
    this.#tell('Aggregating');
    const record = await aggregate(start, round);
    this.#open = undefined;
    this.#keep(record, round);
    await this.#publish(record, 'candidate');
    this.#tell('Waiting');
  }

  async #complete(): Promise<RunOutcome> {
    const last = this.#state.best?.record ?? this.#last;
    if (last !== undefined) await this.#publish(last, 'live');
    await this.#dismiss(last?.weights);
    await this.#told;
    const { rounds } = this.#plan.fields;
    const enough = hasEnough(this.#state.met, rounds);
    const message = enough
      ? `round ${last?.round}: ${rounds.stopWhen?.metric} ${rounds.stopWhen?.operator} ${rounds.stopWhen?.threshold}`
      : `${this.#number} of ${rounds.total} rounds`;
    return { kind: 'completed', state: this.#state, reason: enough ? 'StopWhen' : 'AllRounds', message };
  }

  // --- steps --------------------------------------------------------------------------------------------------------

  get #last(): RoundRecord | undefined {
    return this.#state.records.at(-1);
  }

  /** Rounds that are finished. */
  get #number(): number {
    return this.#last?.round ?? 0;
  }

  #finished(): boolean {
    const { rounds } = this.#plan.fields;
    return this.#number >= rounds.total || hasEnough(this.#state.met, rounds);
  }

  /** Between two rounds: waits while paused (no bound: a person resumes). False: stopped. */
  async #gate(): Promise<boolean> {
    await condition(() => this.#mode !== 'pause');
    return this.#mode !== 'stop';
  }

  get #present(): string[] {
    return this.#plan.clients.filter(({ place }) => place !== undefined).map(({ client }) => client);
  }

  async #enoughClients(): Promise<void> {
    const enough = (): boolean => {
      const { rounds } = this.#plan.fields;
      const clients = this.#plan.clients.length;
      const need = this.#number === 0 ? startingClients(clients, rounds) : Math.min(clients, quorumOf(clients, rounds));
      return this.#present.length >= need || this.#mode === 'stop';
    };
    if (!enough()) this.#tell('Waiting');
    await condition(enough);
  }

  /** Only the present ones are asked; who comes later is asked in the next round. */
  async #select({ fields, clients }: RunPlan): Promise<string[]> {
    const { strategy, perRound, parameters, seed } = fields.selection;
    const present = this.#present;
    if (strategy === 'All' && perRound === undefined) return present;
    const round = this.#number + 1;
    const facts = clients
      .filter(({ client }) => present.includes(client))
      .map(({ client, place }) => ({
        client,
        ...(place?.labels === undefined ? {} : { labels: place.labels }),
        ...(this.#state.samples[client] === undefined ? {} : { samples: this.#state.samples[client] }),
        failures: this.#state.failures[client] ?? 0,
      }));
    const request = { clients: facts, round, seed, parameters, ...(perRound === undefined ? {} : { perRound }) };
    const { selected } = await control(`round ${round} · ${strategy} of ${facts.length} clients`).selectClients({
      strategy,
      request,
    });
    return [...selected].sort();
  }

  #openRound(plan: RunPlan, selected: string[]): OpenRound {
    const { deadlineMs } = plan.fields.rounds;
    const startedAt = Date.now();
    return {
      round: this.#number + 1,
      generation: plan.generation,
      selected,
      accepted: [],
      refused: [],
      startedAt,
      ...(deadlineMs === undefined ? {} : { deadlineAt: startedAt + deadlineMs }),
    };
  }

  #keep(record: RoundRecord, { refused, accepted }: OpenRound): void {
    const { rounds } = this.#plan.fields;
    const state = this.#state;
    state.records = [...state.records, record].slice(-keptRounds);
    state.met = metSoFar(state.met, record, rounds);
    state.best = better(state.best, record, rounds);
    for (const { client, samples } of accepted) state.samples = { ...state.samples, [client]: samples };
    for (const { client } of refused) state.failures[client] = (state.failures[client] ?? 0) + 1;
  }

  async #import(model: ModelSource): Promise<ImportedModel | undefined> {
    const { aggregator, fields } = this.#plan;
    const { excludeLayers } = fields.updates;
    return edge(aggregator, `first global model from ${model.url}`).importModel({
      model,
      ...(excludeLayers === undefined ? {} : { excludeLayers }),
    });
  }

  /** Nobody has a model: the lowest client's untrained weights are everybody's first ones. */
  async #firstWeights(): Promise<RoundRecord['weights']> {
    const place = this.#plan.clients.find((known) => known.place !== undefined);
    if (place?.place === undefined) throw new Error('no client is there');
    const { owner } = this.#input;
    const { fields } = this.#plan;
    const { node, source } = place.place;
    const result = await resident(node, `first weights from client ${place.client} on ${node}`).trainClient({
      identity: { run: workflowInfo().workflowId, round: 0, client: place.client },
      task: 'Weights',
      worker: trainerOf({ owner, plan: this.#plan }, place),
      dataset: source,
      settings: {},
      seed: seedOf(fields.selection.seed, place.client, 0),
      evaluate: false,
      policy: fields.updates,
      listener: { workflowId: entityId(owner), uid: owner.uid, slot: 'client' },
    });
    if ('accepted' in result) return result.accepted.blob;
    const { reason: type, message } = result.refused;
    throw ApplicationFailure.create({ type, message, nonRetryable: true });
  }

  /** Trainers save the final model as their own and end. One whose node is away is cleaned up by it when the job is deleted. */
  async #dismiss(weights: RoundRecord['weights'] | undefined): Promise<void> {
    const byNode = new Map<string, string[]>();
    for (const { client, place } of this.#plan.clients) {
      if (place === undefined) continue;
      byNode.set(place.node, [...(byNode.get(place.node) ?? []), trainerName(this.#input.owner, client)]);
    }
    const run = workflowInfo().workflowId;
    const rest = weights === undefined ? {} : { weights };
    const dismissals = [...byNode].map(([node, workers]) =>
      farewell(node, `end of training on ${node}`, '90s').dismissClients({ run, workers, ...rest }),
    );
    await Promise.allSettled(dismissals);
  }

  async #again(): Promise<never> {
    await this.#told;
    await condition(allHandlersFinished);
    return continueAsNew<typeof federatedRun>({ ...this.#input, plan: this.#plan, state: this.#state });
  }

  // --- messages -----------------------------------------------------------------------------------------------------

  #learn(plan: RunPlan): void {
    if (plan.generation < this.#plan.generation) return;
    this.#plan = plan;
  }

  #retry(): void {
    if (this.#open !== undefined) this.#open.refused = [];
  }

  /** In order, one after the other; nobody waits for them but the end of the run. */
  #tell(stage: RunStage): void {
    this.#stage = stage;
    const { owner } = this.#input;
    this.#sequence += 1;
    const message = { slot: 'run', uid: owner.uid, value: this.#news() };
    // Of the run, not of the client whose answer is told: that one's scope ends with its round.
    const send = (): Promise<void> => this.#scope.run(() => signalled(entityId(owner), signals.observed, message));
    this.#told = this.#told.then(send).catch(() => undefined);
  }

  #news(): RunNews {
    return newsOf({
      epoch: this.#input.epoch,
      run: workflowInfo().runId,
      sequence: this.#sequence,
      stage: this.#stage,
      plan: this.#plan,
      open: this.#open,
      last: this.#last,
      isFinished: this.#finished(),
      now: Date.now(),
    });
  }

  async #publish(record: RoundRecord, stage: VersionStage): Promise<void> {
    const { owner } = this.#input;
    const version = versionOf(owner, this.#plan, record, stage);
    const model = entityId({ kind: 'Model', namespace: owner.namespace, name: this.#plan.fields.model });
    // A Model that was deleted during the run: its versions are nobody's, the rounds go on.
    await signalled(model, signals.addVersion, version);
  }
}

/** Tells another workflow; one that is gone needs no news. */
async function signalled(workflowId: string, name: string, argument: unknown): Promise<void> {
  try {
    await getExternalWorkflowHandle(workflowId).signal(name, argument);
  } catch (error) {
    if (isCancellation(error)) throw error;
  }
}
