/** The training worker as `sedna simulate --client` wants it: how samples are read, how the model is made. */
export { readPatches as load } from './patches.ts';
export { defectEstimator as estimator } from './estimator.ts';
