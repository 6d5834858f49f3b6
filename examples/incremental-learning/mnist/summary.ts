/** What the demo of incremental learning came to. */
export interface DemoRound {
  round: number;
  /** That trained. */
  samples: number;
  /** Of the deployed model, 0..1, on the samples by which the round was judged. */
  accuracyBefore: number;
  /** Of the new model on the same samples. */
  accuracyAfter: number;
  deployed: boolean;
}

export interface IncrementalSummary {
  mode: 'kubernetes' | 'standalone';
  rounds: DemoRound[];
  requests: number;
  droppedRequests: number;
  /** What the requests met, per version of the model. */
  served: { version: string; requests: number; accuracy: number }[];
  temporalUi: string;
}
