export { InferenceError } from './errors.ts';
export { ModelSlot } from './model-slot.ts';
export type { RunnableModel, ServedModel } from './model-slot.ts';
export { createInferenceServer } from './oip.ts';
export type { InferenceServerOptions } from './oip.ts';
export type { Tensor, TensorInfo, TensorType } from '../tensor.ts';
