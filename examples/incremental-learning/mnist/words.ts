/** From the job's status to sentences. Pure. */

/** What the demo reads of an IncrementalLearningJob's status. */
export interface JobStatus {
  phase: string;
  round: number;
  newSamples?: number;
  trainSamples?: number;
  nodes?: Record<'train' | 'eval' | 'deploy', string>;
  endpoints?: { name: string; url: string }[];
  waitingFor?: { reason: string; message: string } | null;
  lastRound?: LastRound;
  conditions: StageCondition[];
}

export interface StageCondition {
  type: string;
  stage?: string;
  message?: string;
  lastTransitionTime?: string;
  /** JSON: inputs and outputs of the stage. */
  data?: string;
}

export interface LastRound {
  round: number;
  samples: number;
  deployed: boolean;
  message: string;
  metrics?: Record<'fresh' | 'deployed', { accuracy?: number[] }>;
}

interface StageData {
  input?: { dataURL?: string; models: { url: string }[] };
  output?: { models: { url: string; metrics: { accuracy?: number[] } }[] };
}

/** `undefined`: nothing that a reader needs to be told. */
export function stageInWords(condition: StageCondition, status: JobStatus): string | undefined {
  const data = JSON.parse(condition.data ?? '{}') as StageData;
  return sentences[`${condition.stage}/${condition.type}`]?.(data, condition, status);
}

type Sentence = (data: StageData, condition: StageCondition, status: JobStatus) => string | undefined;

const failed: Sentence = (_data, { stage, message }) => `${stage} failed: ${message}`;

const sentences: Record<string, Sentence> = {
  'Train/Ready': ({ input }) => `enough new samples: those that train are listed in ${input?.dataURL}`,
  'Train/Starting': () => 'the training worker starts',
  'Train/Running': (_data, _condition, status) => `trains (${rollup(status, 'Progressing')?.message ?? status.phase})`,
  'Train/Completed': ({ output }) => `trained: ${output?.models[0]?.url}`,
  'Train/Failed': failed,
  'Eval/Ready': ({ input }) => `new and deployed model are judged by the same samples: ${input?.dataURL}`,
  'Eval/Starting': () => 'the evaluation worker starts',
  'Eval/Running': () => 'evaluates',
  'Eval/Completed': ({ output }) => {
    const [fresh, deployed] = output?.models ?? [];
    return `accuracy: deployed ${percent(lastOf(deployed?.metrics.accuracy))}, new ${percent(lastOf(fresh?.metrics.accuracy))}`;
  },
  'Eval/Failed': failed,
  'Deploy/Ready': ({ input }) => `better: the new model replaces ${input?.models[1]?.url}`,
  'Deploy/Running': () => 'hot update: the serving worker is told of the new model',
  'Deploy/Completed': (_data, { message }) => message,
  'Deploy/Failed': failed,
};

export function rollup(status: JobStatus, type: string): StageCondition | undefined {
  return status.conditions.find((condition) => condition.stage === undefined && condition.type === type);
}

/** Sedna's stage conditions, oldest first. */
export function stagesOf(status: JobStatus): StageCondition[] {
  return status.conditions.filter(({ stage }) => stage !== undefined);
}

/** Metrics are lists, one value per pass; the last one counts. */
export function lastOf(values: number[] | undefined): number {
  return values?.at(-1) ?? NaN;
}

export function percent(share: number): string {
  return Number.isNaN(share) ? 'unknown' : `${(share * 100).toFixed(1)} %`;
}
