/**
 * Whether this thread computes with denormals. A session of ONNX Runtime that takes them for zero, as training does, turns that off for
 * the thread that makes it: here of a test file that came before.
 */
export const keepsDenormals = (new Float32Array(new Uint32Array([1]).buffer)[0] ?? 0) * 2 ** 100 !== 0;

/** For generators: a number that this thread does not take for another. */
export const isKept = (value: number): boolean => keepsDenormals || Math.abs(value) >= 2 ** -126;
