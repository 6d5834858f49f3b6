export { InferenceError } from './errors.ts';
export type { FailureReason, InferenceErrorOptions } from './errors.ts';
export type { RequestHandler } from './http/handler.ts';
export type { PredictOptions } from './http/sedna.ts';
export type { HttpLimits } from './http/server.ts';
export { ModelSlot } from './model-slot.ts';
export type { RunnableModel } from './model-slot.ts';
export { functionModel } from './served-model.ts';
export type {
  FunctionModelOptions,
  InferTiming,
  InferContext,
  Inferred,
  Parameter,
  Parameters,
  ServedInput,
  ServedModel,
} from './served-model.ts';
export { InferenceClient, InferenceClientError } from './client.ts';
export type { InferenceAnswer, InferRequest } from './client.ts';
export { serve } from './serve.ts';
export type { InferenceServer, ServeOptions } from './serve.ts';
export { createInferenceServer } from './oip.ts';
export type { InferenceServerOptions } from './oip.ts';
export type { Tensor, TensorInfo, TensorType } from '../tensor.ts';
export { FileModel, openFileModel } from './models/file-model.ts';
export type { FileModelOptions, ModelSource } from './models/file-model.ts';
export type { BatchingOptions } from './models/request-queue.ts';
export type { ModelSignature } from '../../crds/lib/signature.ts';
export { IsolatedModel, ModelQuarantined, openIsolatedModel, SessionCrashed } from './isolated/isolated-model.ts';
export type { IsolatedOptions } from './isolated/isolated-model.ts';
