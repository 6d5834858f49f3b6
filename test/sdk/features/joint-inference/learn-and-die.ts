/** `node learn-and-die.ts FOLDER INDEX POINT`: keeps request r1, has it answered, and kills itself when its example is `finalised` or `appended`. */
import { DeferredAnswers } from '../../../../sdk/index.ts';
import type { Tensors } from '../../../../sdk/index.ts';
import { Cloud } from '../../../../sdk/features/joint-inference/cloud.ts';
import { HardExampleLog } from '../../../../sdk/ready-made/lib/hard-example-log.ts';

const [folder = '', index = '', point = ''] = process.argv.slice(2);
const floats = (...values: number[]): Tensors => ({
  t: { datatype: 'float32', shape: [1, values.length], data: Float32Array.from(values) },
});
const log = new HardExampleLog({ url: index, format: 'json' });
const deferred = new DeferredAnswers<Tensors>({ folder, quotaBytes: 8 << 20, maxAgeMs: 60_000 });
await deferred.keep({ id: 'r1', input: floats(0.5, 1), provisional: floats(0.5, 0.5) });
const cloud = new Cloud<Tensors, Tensors>({ bigModel: { infer: () => Promise.resolve(floats(0.25, 0.75)) } });
const killAt = (reached: string): void => void (reached === point && process.kill(process.pid, 'SIGKILL'));
deferred.start(cloud, async (input, answer, options) => {
  killAt('finalised');
  await log.append(input, answer as Tensors, options);
  killAt('appended');
});
setInterval(() => undefined, 60_000);
