/** Judges models for a test, one file per message: a crash of the native runtime ends this process and not the test's. */
import { readFileSync } from 'node:fs';
import { LoadedModel } from '../../../sdk/estimators/onnx/loaded-model.ts';
import { OnnxModel } from '../../../sdk/estimators/onnx/onnx-model.ts';

export interface ModelAnswer {
  ok: boolean;
  /** Type of the error; other classes than ours are defects. */
  type?: string;
  name?: string;
  message?: string;
  rss: number;
}

process.on('message', ({ file, as }: { file: string; as: string }) => {
  void judge(file, as).then((answer) => process.send?.({ ...answer, rss: process.memoryUsage().rss }));
});
process.send?.('ready');

async function judge(file: string, as: string): Promise<Omit<ModelAnswer, 'rss'>> {
  try {
    if (as === 'serving') await (await OnnxModel.open(file, { threads: 1 })).close();
    else {
      const model = LoadedModel.decode(readFileSync(file), file, { session: { threads: 1 } });
      await model.session();
      await model.close();
    }
    return { ok: true };
  } catch (error) {
    const { type, name, message } = error as Error & { type?: string };
    return { ok: false, type, name, message };
  }
}
