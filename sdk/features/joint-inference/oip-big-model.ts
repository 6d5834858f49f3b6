import { InferenceClient, InferenceClientError } from '../../serving/client.ts';
import type { Tensor } from '../../tensor.ts';
import { BigModelError, isRefusal } from './big-model.ts';
import type { BigModel } from './big-model.ts';

/** Tensors by the names of a model's inputs or outputs. */
export type Tensors = Record<string, Tensor>;

/** Big model behind the Open Inference Protocol v2 (any server: ours, Triton, KServe), tensors in binary. `url`: its base address. */
export function oipBigModel({ url, model }: { url: string; model: string }): BigModel<Tensors, Tensors> {
  const client = new InferenceClient(url);
  return {
    async infer(feeds, { signal }) {
      try {
        return (await client.infer({ model, feeds, signal })).outputs;
      } catch (error) {
        if (!(error instanceof InferenceClientError)) throw error;
        const refused = error.status !== undefined && isRefusal(error.status);
        throw new BigModelError(error.message, { cause: error, refused });
      }
    },
  };
}
