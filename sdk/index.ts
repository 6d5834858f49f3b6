/** What authors of workers import. The ONNX estimator is an entry of its own: `sdk/estimators/onnx/index.ts`. */
export { ALGORITHM_TYPES, AlgorithmRegistry, algorithms } from './algorithms/registry.ts';
export type { AlgorithmType } from './algorithms/registry.ts';
export * from './algorithms/aggregation/index.ts';
export { selectClients } from './algorithms/client-selection/index.ts';
export type { ClientFacts, ClientSelector, SelectionRequest } from './algorithms/client-selection/index.ts';
export { hardExampleMiner } from './algorithms/hard-example-mining/index.ts';
export type { HardExampleMiner, HardExampleMinerFactory } from './algorithms/hard-example-mining/index.ts';
export * from './datasources/index.ts';
export type * from './estimators/estimator.ts';
export { FederatedLearning } from './features/federated-learning.ts';
export type { FederatedLearningOptions, FederatedTrainRequest } from './features/federated-learning.ts';
export type { SimulatedClient } from './features/federated/simulated-client.ts';
export { HotUpdate } from './features/hot-update.ts';
export type { HotUpdateOptions } from './features/hot-update.ts';
export { IncrementalLearning } from './features/incremental-learning.ts';
export type { IncrementalLearningOptions, InferenceResult, TrainRequest } from './features/incremental-learning.ts';
export { JointInference } from './features/joint-inference.ts';
export type { JointInferenceOptions, JointRequest } from './features/joint-inference.ts';
export { BigModelError, TierAnswer } from './features/joint-inference/big-model.ts';
export type { BigModel, Origin } from './features/joint-inference/big-model.ts';
export type { CircuitBreakerOptions, CircuitState } from './features/joint-inference/circuit-breaker.ts';
export { DeferredAnswers } from './features/joint-inference/deferred/deferred-answers.ts';
export type {
  Deferral,
  DeferredAnswer,
  DeferredOptions,
} from './features/joint-inference/deferred/deferred-answers.ts';
export type { Learner } from './features/joint-inference/deferred/learning.ts';
export type { Decision, JointResult } from './features/joint-inference/result.ts';
export { oipBigModel } from './features/joint-inference/oip-big-model.ts';
export type { Tensors } from './features/joint-inference/oip-big-model.ts';
export { sednaBigModel } from './features/joint-inference/sedna-big-model.ts';
export * from './serving/index.ts';
export * from './storage/index.ts';
export * from './tensors/index.ts';
export * from './worker/index.ts';
