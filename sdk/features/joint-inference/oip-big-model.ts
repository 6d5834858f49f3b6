import { InferenceClient, InferenceClientError } from '../../serving/client.ts';
import type { Tensor } from '../../tensor.ts';
import { BigModelError, blame } from './big-model.ts';
import type { BigModel } from './big-model.ts';
import { withOrigin } from './origin.ts';

/** Tensors by the names of a model's inputs or outputs. */
export type Tensors = Record<string, Tensor>;

/**
 * Big model behind the Open Inference Protocol v2 (any server: ours, Triton, KServe), tensors in binary. `url`: its base address. The
 * parameter `deadline_ms` of a request is the time for it; servers that do not know it let it be.
 */
export function oipBigModel({ url, model }: { url: string; model: string }): BigModel<Tensors, Tensors> {
  const client = new InferenceClient(url);
  return {
    async infer(feeds, { signal, withinMs }) {
      const parameters = withinMs === undefined ? undefined : { deadline_ms: Math.floor(withinMs) };
      try {
        const answer = await client.infer({ model, feeds, signal, parameters });
        if (Object.keys(answer.outputs).length === 0) throw new BigModelError(`${model} at ${url} answered no outputs`);
        return withOrigin(answer.outputs, answer.parameters);
      } catch (error) {
        if (!(error instanceof InferenceClientError)) throw error;
        throw new BigModelError(error.message, { cause: error, ...(error.status && blame(error.status)) });
      }
    },
  };
}
