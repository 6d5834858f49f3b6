/** `node keep-and-wait.ts FOLDER`: keeps request r7, says so, and stays until it is killed. */
import { DeferredAnswers } from '../../../../sdk/index.ts';

const [folder = ''] = process.argv.slice(2);
const deferred = new DeferredAnswers<number>({ folder, quotaBytes: 8 << 20, maxAgeMs: 60_000 });
const kept = await deferred.keep({ id: 'r7', input: 7, provisional: [0.5, 0.5] });
console.log(JSON.stringify(kept));
setInterval(() => undefined, 60_000);
