import { listOf, outputsOf } from '../../serving/codec/nested-list.ts';
import { pixelsOfFile } from '../../serving/codec/pixels.ts';
import type { TensorInfo } from '../../tensor.ts';
import { BigModelError, TierAnswer } from './big-model.ts';
import type { BigModel } from './big-model.ts';
import type { Tensors } from './oip-big-model.ts';
import { sednaBigModel } from './sedna-big-model.ts';

/**
 * Big model behind the original's REST interface, asked with tensors: they go there as nested lists, without their first dimension where that is
 * 1, image files as their pixels, and its list comes back as `outputs` says: those of the little model, which both are to have.
 */
export function listBigModel(
  service: { host: string; port: number; service: string },
  outputs: () => readonly TensorInfo[],
): BigModel<Tensors, Tensors> {
  const model = sednaBigModel<unknown[]>(service);
  return {
    async infer(feeds, options) {
      const answer = await model.infer(listed(feeds), options);
      return answer instanceof TierAnswer
        ? new TierAnswer(read(answer.answer, outputs()), answer.origin)
        : read(answer, outputs());
    },
  };
}

/** An image file as its pixels. */
function listed(feeds: Tensors): unknown[] {
  const [only, ...others] = Object.values(feeds);
  const file: unknown = only?.data[0];
  if (others.length > 0 || !(file instanceof Uint8Array)) return listOf(feeds, true);
  try {
    return pixelsOfFile(file);
  } catch (error) {
    throw new BigModelError(`the image ${(error as Error).message}`, { cause: error, refused: true });
  }
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
