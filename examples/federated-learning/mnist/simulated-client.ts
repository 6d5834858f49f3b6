/** The training worker as `sedna simulate --client` wants it: how samples are read, how the model is made. */
import type { OnnxSamples } from '../../../sdk/estimators/onnx/index.ts';
import { readDigits } from '../../incremental-learning/mnist/digits.ts';
import { federatedEstimator } from './estimator.ts';

export const load = (index: string): Promise<OnnxSamples> => readDigits(index, index);
export const estimator = federatedEstimator;
