/**
 * One round of incremental learning: train → evaluate → deploy, each a durable step. The job is told of every step by signal;
 * what a step needs from an earlier one is in `progress`, so a stopped or failed round is taken up where it ended.
 */
import { condition, defineSignal, getExternalWorkflowHandle, isCancellation, sleep } from '@temporalio/workflow';
import type {
  DeployResult,
  Listener,
  ModelSource,
  ReportedModel,
  RunWorkerResult,
  WorkerSpec,
} from '../../activities/contracts.ts';
import { control, edge, errand } from '../lib/activities.ts';
import type { Problem } from '../lib/failures.ts';
import { expectOneOf, onSignal } from '../lib/heeding.ts';
import { entityId, stageWorkerName } from '../lib/ids.ts';
import { judge } from '../lib/incremental/deployment.ts';
import { matchingModel } from '../lib/incremental/matching.ts';
import {
  maxAttempts,
  type RoundEvent,
  type RoundEvents,
  type RoundInput,
  type RoundOutcome,
  type RoundProgress,
  type RoundResult,
  type Stage,
} from '../lib/incremental/state.ts';
import { modes, signals, type Mode, type ModelVersion, type VersionStage } from '../lib/messages.ts';
import { Outbox } from '../lib/outbox.ts';
import { problemOf } from '../lib/problems.ts';
import { tell } from '../lib/tell.ts';

const modeSignal = defineSignal<[Mode]>('mode');
const backoff = ['2s', '10s'] as const;

export async function incrementalRound(input: RoundInput): Promise<RoundResult> {
  return new Round(input).run();
}

class StageFailed extends Error {
  readonly stage: Stage;
  readonly problem: Problem;
  constructor(stage: Stage, problem: Problem) {
    super(problem.message);
    this.stage = stage;
    this.problem = problem;
  }
}

class Stopped extends Error {}

function noEvalSamples(stage: Stage): StageFailed {
  const message = 'trainProb leaves no sample to evaluate with: lower spec.dataset.trainProb below 1';
  return new StageFailed(stage, { reason: 'NoEvalSamples', message });
}

class Round {
  readonly #plan: RoundInput['plan'];
  readonly #progress: RoundProgress;
  readonly #resumed: number;
  readonly #news = new Outbox<RoundEvent>((events) => this.#tellJob(events));
  readonly #versions = new Outbox<ModelVersion>((versions) => this.#tellModel(versions));
  #mode: Mode = 'run';
  #sequence = 0;

  constructor(input: RoundInput) {
    this.#plan = input.plan;
    this.#progress = { ...input.progress };
    this.#resumed = input.resumed ?? 0;
    onSignal(modeSignal, 'run, pause or stop after the running step', (mode) => {
      this.#mode = expectOneOf(mode, modes);
    });
  }

  async run(): Promise<RoundResult> {
    const outcome = await this.#outcome();
    await this.#versions.flush();
    return { ...outcome, last: await this.#news.remaining() };
  }

  async #outcome(): Promise<RoundOutcome> {
    try {
      const fresh = await this.#train();
      await this.#gate();
      const evaluated = await this.#evaluate(fresh);
      await this.#gate();
      return await this.#deploy(fresh, evaluated);
    } catch (error) {
      if (error instanceof Stopped) return { kind: 'stopped', progress: this.#progress };
      if (error instanceof StageFailed) return this.#failed(error);
      throw error;
    }
  }

  /** Between two steps: waits while paused (no bound: a person resumes), leaves when stopped. */
  async #gate(): Promise<void> {
    if (this.#mode === 'pause') this.#news.post();
    await condition(() => this.#mode !== 'pause');
    if (this.#mode === 'stop') throw new Stopped();
  }

  // --- the three stages ---------------------------------------------------------------------------------------------

  async #train(): Promise<ReportedModel> {
    const { fields, nodes, round, base, formats } = this.#plan;
    if (this.#progress.trained !== undefined) return this.#matching('Train', this.#progress.trained, formats.deploy);
    const prepared = await this.#prepare();
    // Said before they have trained, so that they are given back: once the share is lower some of them evaluate.
    if (prepared.evalSamples === 0) throw noEvalSamples('Train');
    const outputDir = `${fields.outputDir.replace(/\/+$/, '')}/train/${round}`;
    const data = { models: [named(base)], dataURL: prepared.trainUrl, outputDir };
    this.#tell({ stage: 'Train', type: 'Ready', ...reported({ input: data }) }, this.#results());
    const trained = await this.#runStage('Train', nodes.train, {
      template: 'spec.trainSpec.template',
      env: { MODEL_URL: outputDir, TRAIN_DATASET_URL: prepared.trainUrl, ORIGINAL_DATASET_URL: this.#plan.dataset.url },
      models: { BASE_MODEL_URL: [base] },
    });
    const model = this.#matching('Train', trained.models, formats.initial);
    this.#progress.trained = trained.models;
    this.#addVersion(model, 'candidate');
    this.#versions.post();
    this.#tell(
      { stage: 'Train', type: 'Completed', ...reported({ output: { models: trained.models.map(plain) } }) },
      { trained: { model, ...(prepared.evaluation ? { evaluation: prepared.evaluation } : {}) }, ...this.#results() },
    );
    return this.#matching('Train', trained.models, formats.deploy);
  }

  async #prepare(): Promise<NonNullable<RoundProgress['prepared']>> {
    const { fields, nodes, round, dataset, take, evalSets } = this.#plan;
    const work = errand(nodes.data, `round ${round} · samples ${take.from}..${take.to.samples} on ${nodes.data}`);
    const { trainProb, outputDir } = fields;
    this.#progress.prepared ??= await this.#step('Train', () =>
      work.prepareSamples({ listener: this.#listener(), dataset, take, trainProb, outputDir, round, evalSets }),
    );
    return this.#progress.prepared;
  }

  async #evaluate(fresh: ReportedModel): Promise<ReportedModel[]> {
    const { nodes, baseline } = this.#plan;
    if (this.#progress.evaluated !== undefined) return this.#progress.evaluated;
    this.#tell({ stage: 'Eval', type: 'Waiting' });
    const { evalUrl, evalSamples } = await this.#prepare();
    if (evalSamples === 0) throw noEvalSamples('Eval');
    const models: ModelSource[] = [fresh, baseline];
    this.#tell({
      stage: 'Eval',
      type: 'Ready',
      ...reported({ input: { models: models.map(named), dataURL: evalUrl } }),
    });
    const { models: evaluated } = await this.#runStage('Eval', nodes.eval, {
      template: 'spec.evalSpec.template',
      env: { TEST_DATASET_URL: evalUrl, ORIGINAL_DATASET_URL: this.#plan.dataset.url },
      models: { MODEL_URLS: models },
    });
    const [judged, deployed] = evaluated;
    if (judged === undefined || deployed === undefined || evaluated.length !== 2) {
      const message = `the evaluation worker reported ${evaluated.length} models; one for the new and one for the deployed model are needed`;
      throw new StageFailed('Eval', { reason: 'NoReport', message });
    }
    this.#progress.evaluated = evaluated;
    this.#addVersion({ ...fresh, metrics: judged.metrics }, 'candidate');
    this.#tell(
      { stage: 'Eval', type: 'Completed', ...reported({ output: { models: evaluated.map(plain) } }) },
      { metrics: { fresh: judged.metrics, deployed: deployed.metrics }, ...this.#results() },
    );
    return evaluated;
  }

  async #deploy(fresh: ReportedModel, evaluated: ReportedModel[]): Promise<RoundOutcome> {
    const { fields, nodes, round } = this.#plan;
    this.#tell({ stage: 'Deploy', type: 'Waiting' });
    const verdict = await judge(control(`round ${round} · deploy?`), fields.deploy.trigger, evaluated);
    if (!verdict.deploy) {
      this.#tell({ stage: 'Deploy', type: 'Completed', message: verdict.message });
      return { kind: 'completed', deployed: false, reason: verdict.reason, message: verdict.message };
    }
    const input = { models: [named(fresh), { format: fresh.format, url: this.#plan.deployUrl }] };
    this.#tell({ stage: 'Deploy', type: 'Ready', ...reported({ input }) });
    if (fields.hotUpdate) this.#tell({ stage: 'Deploy', type: 'Starting' }, { node: nodes.deploy });
    const deployed = await this.#step('Deploy', () => this.#place(fresh));
    if (fields.hotUpdate) this.#tell({ stage: 'Deploy', type: 'Running' }, { hotUpdateConfig: deployed.config });
    this.#addVersion({ ...fresh, metrics: evaluated[0]?.metrics ?? {} }, 'live');
    this.#tell({ stage: 'Deploy', type: 'Completed', message: verdict.message }, { node: deployed.node });
    const { reason, message } = verdict;
    return { kind: 'completed', deployed: true, reason, message, ...(fresh.blob ? { blob: fresh.blob } : {}) };
  }

  async #place(fresh: ReportedModel): Promise<DeployResult> {
    const { owner, fields, nodes, round, inferenceWorker, deployUrl, evalUrl } = this.#plan;
    const how = fields.hotUpdate ? 'hot update' : 'restart';
    return errand(nodes.deploy, `round ${round} · deploy (${how}) on ${nodes.deploy}`).deployModel({
      owner,
      round,
      listener: this.#listener(),
      worker: inferenceWorker,
      model: fresh,
      urls: [deployUrl, ...(evalUrl === undefined ? [] : [evalUrl])],
      ...(fields.hotUpdate ? { hotUpdate: { pollPeriodSeconds: fields.pollPeriodSeconds } } : {}),
    });
  }

  // --- how a stage runs ---------------------------------------------------------------------------------------------

  async #runStage(
    stage: Stage,
    node: string,
    what: Pick<WorkerSpec, 'template' | 'env' | 'models'>,
  ): Promise<RunWorkerResult> {
    const { owner, manifest, round } = this.#plan;
    this.#tell({ stage, type: 'Starting' });
    return this.#step(stage, (attempt) =>
      edge(node, `round ${round} · ${stage} on ${node}${attempt === 1 ? '' : `, attempt ${attempt}`}`).runWorker({
        listener: this.#listener(),
        round,
        keepModels: stage === 'Train',
        worker: {
          ...what,
          name: stageWorkerName(owner, stage, round, this.#resumed * maxAttempts + attempt),
          owner,
          stage,
          manifest,
          env: { NAMESPACE: owner.namespace, JOB_NAME: owner.name, ...what.env },
        },
      }),
    );
  }

  /** Three attempts with durable back-off for what may pass; what cannot is the end of the stage at once. */
  async #step<T>(stage: Stage, act: (attempt: number) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      this.#news.post();
      try {
        return await act(attempt);
      } catch (error) {
        if (isCancellation(error)) throw error;
        const problem = problemOf(error);
        const pause = backoff[attempt - 1];
        if (attempt >= maxAttempts || pause === undefined || !passes.has(problem.reason))
          throw new StageFailed(stage, problem);
        const message = `attempt ${attempt} of ${maxAttempts} failed, the next comes in ${pause}: ${problem.message}`;
        this.#tell({ stage, type: 'Starting' }, { retrying: { ...problem, message } });
        this.#news.post();
        await sleep(pause, { summary: `${stage}: back-off after attempt ${attempt}` });
        await this.#gate();
      }
    }
  }

  #failed({ stage, problem }: StageFailed): RoundOutcome {
    this.#tell({ stage, type: 'Failed', message: `${problem.reason}: ${problem.message}` });
    return { kind: 'failed', stage, problem, progress: this.#progress };
  }

  #matching(stage: Stage, models: ReportedModel[], format: string): ReportedModel {
    const found = matchingModel(models, format);
    if (found !== undefined) return found;
    const formats = models.map((model) => model.format || 'none').join(', ');
    const message = `the worker reported models of format ${formats}, the Model asks for ${format}`;
    throw new StageFailed(stage, { reason: 'ModelFormatMismatch', message });
  }

  // --- news ---------------------------------------------------------------------------------------------------------

  #listener(): Listener {
    const { owner } = this.#plan;
    return { workflowId: entityId(owner), uid: owner.uid, slot: 'round' };
  }

  #results(): Pick<RoundEvent, 'progress'> {
    return { progress: { ...this.#progress } };
  }

  #tell(
    entry: RoundEvent['condition'],
    rest: Omit<Partial<RoundEvent>, 'round' | 'sequence' | 'condition'> = {},
  ): void {
    this.#sequence += 1;
    this.#news.say({ round: this.#plan.round, sequence: this.#sequence, condition: entry, ...rest });
  }

  async #tellJob(events: RoundEvent[]): Promise<void> {
    const { workflowId, uid, slot } = this.#listener();
    const value: RoundEvents = { round: this.#plan.round, events };
    await getExternalWorkflowHandle(workflowId).signal(signals.observed, { slot, uid, value });
  }

  /** A Model that was deleted during the round: its versions are nobody's, the round goes on. */
  async #tellModel(versions: ModelVersion[]): Promise<void> {
    const { owner, fields } = this.#plan;
    const model = entityId({ kind: 'Model', namespace: owner.namespace, name: fields.deployModel });
    // The newest word on each.
    const bySha256 = new Map(versions.map((version) => [version.sha256, version]));
    await tell(model, signals.addVersion, ...bySha256.values());
  }

  #addVersion(model: ReportedModel, stage: VersionStage): void {
    const { owner, round, take, fields, base } = this.#plan;
    if (model.blob === undefined) return;
    const version: ModelVersion = {
      ...model.blob,
      format: model.format,
      stage,
      metrics: model.metrics,
      lineage: {
        job: `${owner.namespace}/${owner.name}`,
        round,
        samples: take.trainSamples,
        dataset: `${fields.dataset}@${take.to.samples}:${take.to.digest.slice(0, 12)}`,
        ...(base.blob === undefined ? {} : { base: base.blob.sha256 }),
      },
      createdAt: new Date().toISOString(),
    };
    this.#versions.say(version);
  }
}

/** Failures that another attempt may not meet again. */
const passes: ReadonlySet<string> = new Set([
  'WorkerFailed',
  'NoReport',
  'HotUpdateFailed',
  'ModelUnreadable',
  'NodeSilent',
]);

function named({ format, url }: { format: string; url: string }): { format: string; url: string } {
  return { format, url };
}

function plain({ format, url, metrics }: ReportedModel): Record<string, unknown> {
  return { format, url, metrics };
}

/** Conditions that Sedna's local controller reported carry this message and their inputs and outputs as JSON. */
function reported(data: Record<string, unknown>): { message: string; data: string } {
  return { message: 'reported by lc', data: JSON.stringify(data) };
}
