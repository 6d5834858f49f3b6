/** The thread that lists the pixels of image files: a large one takes tenths of a second, in which its process would answer nobody. */
import { parentPort } from 'node:worker_threads';
import { pixelTextOf } from '../../serving/codec/pixels.ts';

/** The JSON, or what is wrong with the file. */
export type PixelsAnswer = { text: Uint8Array } | { problem: string };

parentPort?.on('message', (file: Uint8Array) => {
  try {
    const text = pixelTextOf(file);
    parentPort?.postMessage({ text } satisfies PixelsAnswer, [text.buffer]);
  } catch (error) {
    parentPort?.postMessage({ problem: (error as Error).message } satisfies PixelsAnswer);
  }
});
