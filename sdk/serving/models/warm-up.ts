import { OnnxError } from '../../estimators/onnx/errors.ts';
import type { Tensor, TensorInfo } from '../../tensor.ts';
import { bytesPerElement, elementsOf, numbersIn } from '../codec/element-types.ts';

/** Above this, zeros of the declared size would take more than the warm-up is worth. */
const MAX_ELEMENTS = 64 * 1024 * 1024;

/**
 * One run on zeros: memory is allocated and code is compiled before the first request. A model may refuse zeros, or a dimension of 1
 * where it declares any size; that says nothing about real requests. Rejects where it crashes.
 */
export async function warmUp(model: {
  readonly inputs: readonly TensorInfo[];
  run(feeds: Record<string, Tensor>): Promise<unknown>;
}): Promise<void> {
  const feeds = model.inputs.map((info) => [info.name, zeros(info)] as const);
  if (feeds.some(([, tensor]) => tensor === undefined)) return;
  try {
    await model.run(Object.fromEntries(feeds) as Record<string, Tensor>);
  } catch (error) {
    if (error instanceof OnnxError && error.name === 'OnnxError') return;
    throw error;
  }
}

function zeros({ datatype, shape: declared }: TensorInfo): Tensor | undefined {
  const shape = declared.map((size) => (typeof size === 'number' && size >= 0 ? size : 1));
  const count = elementsOf(shape);
  if (count > MAX_ELEMENTS) return undefined;
  if (datatype === 'string') return { datatype, shape, data: Array.from({ length: count }, () => '') };
  return { datatype, shape, data: numbersIn(datatype, new Uint8Array(count * bytesPerElement(datatype))) };
}
