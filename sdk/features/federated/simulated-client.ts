import type { Estimator } from '../../estimators/estimator.ts';
import type { OnnxSamples } from '../../estimators/onnx/samples.ts';

/**
 * What the module exports that `sedna simulate --client` names: the parts of a training worker that are not about its surroundings.
 * Clients differ in their samples only; one estimator plays one client after the other.
 */
export interface SimulatedClient {
  /** Reads a whole dataset by the URL of its index. Labels that are class numbers can be divided by class. */
  load(url: string): Promise<OnnxSamples>;
  /** Made as the training worker makes it. Needs train, getWeights and setWeights; evaluate where the job asks for it. */
  estimator(): Estimator<OnnxSamples> & { close?(): Promise<void> };
}
