import { listOf, outputsOf } from '../../serving/codec/nested-list.ts';
import type { TensorInfo } from '../../tensor.ts';
import { BigModelError, TierAnswer } from './big-model.ts';
import type { BigModel } from './big-model.ts';
import type { Tensors } from './oip-big-model.ts';
import { sednaBigModel } from './sedna-big-model.ts';

/**
 * Big model behind the original's REST interface, asked with tensors: they go there as nested lists, without their first dimension where that is
 * 1, and its list comes back as `outputs` says: those of the little model, which both are to have.
 */
export function listBigModel(
  service: { host: string; port: number; service: string },
  outputs: () => readonly TensorInfo[],
): BigModel<Tensors, Tensors> {
  const model = sednaBigModel<unknown[]>(service);
  return {
    async infer(feeds, options) {
      if (Object.values(feeds).some(({ data }) => data[0] instanceof Uint8Array)) {
        const message = 'the big model takes lists, and a file has no form as a list: name an input of numbers';
        throw new BigModelError(message, { refused: true });
      }
      const answer = await model.infer(listOf(feeds, true), options);
      return answer instanceof TierAnswer
        ? new TierAnswer(read(answer.answer, outputs()), answer.origin)
        : read(answer, outputs());
    },
  };
}

function read(result: unknown, outputs: readonly TensorInfo[]): Tensors {
  try {
    return outputsOf(result, outputs);
  } catch (error) {
    throw new BigModelError(`the big model's result is not like the little one’s: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
