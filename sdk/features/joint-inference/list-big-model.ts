import { listOf, outputsOf } from '../../serving/codec/nested-list.ts';
import type { TensorInfo } from '../../tensor.ts';
import { BigModelError, TierAnswer } from './big-model.ts';
import type { BigModel } from './big-model.ts';
import type { Tensors } from './oip-big-model.ts';
import { PixelsClient } from './pixels-client.ts';
import { JsonText, sednaBigModel } from './sedna-big-model.ts';

interface Service {
  host: string;
  port: number;
  service: string;
}

/**
 * Big model behind the original's REST interface, asked with tensors: they go there as nested lists, without their first dimension where that is
 * 1, image files as their pixels, and its list comes back as `outputs` says: those of the little model, which both are to have.
 */
export function listBigModel(service: Service, outputs: () => readonly TensorInfo[]): BigModel<Tensors, Tensors> {
  const lists = sednaBigModel(service);
  const pixels = new PixelsClient();
  return {
    async infer(feeds, options) {
      const file = imageOf(feeds);
      const answer = file ? await inferPixels(file, options) : await lists.infer(listOf(feeds, true), options);
      return answer instanceof TierAnswer
        ? new TierAnswer(read(answer.answer, outputs()), answer.origin)
        : read(answer, outputs());
    },
    close: () => pixels.close(),
  };

  async function inferPixels(file: Uint8Array, { signal, withinMs }: { signal: AbortSignal; withinMs?: number }) {
    const began = performance.now();
    const text = new JsonText(await pixels.textOf(file, signal));
    signal.throwIfAborted();
    const left = withinMs === undefined ? undefined : Math.max(1, withinMs - (performance.now() - began));
    return lists.infer(text, { signal, withinMs: left });
  }
}

/** Of feeds that are one image file. */
function imageOf(feeds: Tensors): Uint8Array | undefined {
  const [only, ...others] = Object.values(feeds);
  const file: unknown = only?.data[0];
  return others.length === 0 && file instanceof Uint8Array ? file : undefined;
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
