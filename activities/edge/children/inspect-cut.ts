/** Child process: whether a model can be cut where the manifest says, and what its two parts exchange. Asked before any client does anything. */
import { sizeOf } from '../../../sdk/estimators/onnx/graph/shape.ts';
import { OnnxError } from '../../../sdk/estimators/onnx/index.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import type { Encoding, InspectCutInput } from '../../contracts.ts';
import { CutError, cutOf, type HeadChildInput } from './head.ts';
import { answerEach } from './lib.ts';

answerEach(async ({ blobUrl, input, scratch }: HeadChildInput<InspectCutInput>): Promise<Encoding> => {
  const { estimator, shape, parameters } = await cutOf(openBlobStore(blobUrl), input, scratch);
  try {
    // What cannot be trained is said here, not after all clients have handed over what they have.
    await estimator.memoryEstimate(shape);
    const output = await estimator.predict({ data: new Float32Array(sizeOf(shape)), shape: [1, ...shape] });
    const row = output.shape.slice(1);
    return {
      layer: parameters.layer,
      ...parameters.code,
      cut: { shape, outputs: sizeOf(row), classes: row.at(-1) ?? 1 },
    };
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    throw new CutError(
      `spec.aggregation.parameters.cut_layer: what is behind "${parameters.layer}" cannot be trained: ${error.message}`,
      { cause: error },
    );
  } finally {
    await estimator.close();
  }
});
