/**
 * The story of federated learning: two nodes whose digits differ learn one model. Told twice: undisturbed, and again with the
 * controller of a node killed in round 2 and the global manager in round 3. Both end in the same bits.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Session } from '../../../cli/lib/session.ts';
import { localPath } from '../../../sdk/index.ts';
import { readDigits } from '../../incremental-learning/mnist/digits.ts';
import { DemoError } from '../../lib/errors.ts';
import { copyManifest } from '../../lib/manifest.ts';
import { DemoObjects } from '../../lib/objects.ts';
import { onStack } from '../../lib/on-stack.ts';
import type { Demo, DemoContext, DemoResult } from '../../lib/run-demo.ts';
import { demoFolder, type DemoStack } from '../../lib/stack.ts';
import { federatedEstimator } from './estimator.ts';
import { JobTeller, job, type FinishedJob } from './job-teller.ts';
import { kill } from './kill.ts';
import { places, prepare, testDigits } from './prepare.ts';

const example = fileURLToPath(new URL('.', import.meta.url));
/** Of a client, in all rounds together: what a node alone gets as well, so that the comparison is fair. */
const epochsInAll = 10;
const barWidth = 40;

export const federatedDemo: Demo = (context) =>
  onStack(context, join(example, 'images.yaml'), (stack, session) => new Story(context, stack, session).tell());

class Story {
  readonly #context: DemoContext;
  readonly #stack: DemoStack;
  readonly #session: Session;
  readonly #folder = demoFolder('federated');
  readonly #objects: DemoObjects;

  constructor(context: DemoContext, stack: DemoStack, session: Session) {
    this.#context = context;
    this.#stack = stack;
    this.#session = session;
    const file = join(this.#folder, 'job.yaml');
    copyManifest(join(example, 'job.yaml'), file, { from: '/tmp/sedna-federated', to: join(this.#folder, 'data') });
    this.#objects = new DemoObjects(stack.tool, file);
  }

  async tell(): Promise<DemoResult> {
    const { narrator, shell, cleanup, cleaningShell } = this.#context;
    await this.#objects.removeLeftovers(this.#context, this.#session.objects, this.#folder);
    cleanup.later('the objects', () => this.#objects.remove(cleaningShell));
    narrator.title('What each node learns alone');
    await prepare(join(this.#folder, 'data'));
    const accuracyLocal = await this.#alone();
    narrator.title('Together, undisturbed');
    const undisturbed = await this.#rounds();
    await this.#objects.remove(shell);
    narrator.title('Together again, and two processes die');
    await prepare(join(this.#folder, 'data'));
    const disturbed = await this.#rounds([
      { round: 2, victim: 'lc/edge-2' },
      { round: 3, victim: 'gm' },
    ]);
    narrator.title('What it came to');
    await this.#objects.show(shell, 'fl,dataset,model');
    return this.#result(accuracyLocal, undisturbed, disturbed);
  }

  /** Each node's digits, as many epochs as it trains in all rounds, judged on the common test set. */
  async #alone(): Promise<number[]> {
    const test = await this.#testSet();
    const accuracies: number[] = [];
    for (const place of places) {
      const index = join(this.#folder, 'data', place, 'index.txt');
      const samples = await readDigits(index, index);
      const estimator = federatedEstimator();
      await estimator.train(samples, { settings: { epochs: epochsInAll }, seed: 1 });
      const accuracy = (await estimator.evaluate(test)).accuracy?.at(-1) ?? Number.NaN;
      await estimator.close();
      accuracies.push(rounded(accuracy));
      this.#context.narrator.say(
        place,
        `${samples.count} digits of its own: ${percent(accuracy)} of ${testDigits} others right`,
      );
    }
    return accuracies;
  }

  /** `deaths`: who is killed in which round, or in the next one where that was over before it was seen. */
  async #rounds(deaths: { round: number; victim: string }[] = []): Promise<FinishedJob> {
    const { narrator, shell, signal } = this.#context;
    await this.#objects.apply(shell);
    this.#context.subject = `fl/${job.name}`;
    const teller = new JobTeller(this.#session.objects, narrator, signal);
    const ahead = [...deaths];
    return teller.follow(120_000, async (open) => {
      while (ahead[0] !== undefined && ahead[0].round <= open) await kill(ahead.shift()!.victim, narrator);
    });
  }

  async #result(accuracyLocal: number[], undisturbed: FinishedJob, disturbed: FinishedJob): Promise<DemoResult> {
    const { narrator } = this.#context;
    const accuracyGlobal = rounded(await this.#accuracyOf(disturbed));
    narrator.plain('');
    for (const { round, metrics } of disturbed.rounds) {
      const accuracy = metrics['accuracy'] ?? 0;
      narrator.plain(
        `before round ${round}  ${'▇'.repeat(Math.round(accuracy * barWidth)).padEnd(barWidth)} ${percent(accuracy)}`,
      );
    }
    narrator.plain(
      `at the end      ${'▇'.repeat(Math.round(accuracyGlobal * barWidth)).padEnd(barWidth)} ${percent(accuracyGlobal)}`,
    );
    narrator.plain('');
    narrator.plain(`alone: ${accuracyLocal.map(percent).join(' and ')}; together: ${percent(accuracyGlobal)}`);
    const same = undisturbed.digest === disturbed.digest;
    const verdict = same ? 'the same bits' : 'DIFFERENT';
    narrator.plain(
      `digest undisturbed ${undisturbed.digest.slice(0, 16)}, with two deaths ${disturbed.digest.slice(0, 16)}: ${verdict}`,
    );
    const summary = {
      mode: this.#stack.state.mode,
      rounds: disturbed.rounds.length,
      accuracyLocal,
      accuracyGlobal,
      digest: disturbed.digest,
      digestUndisturbed: undisturbed.digest,
      temporalUi: this.#stack.state.temporal.ui,
    };
    return {
      summary,
      ...(same ? {} : { problem: 'the run with deaths ended in another model than the undisturbed one' }),
    };
  }

  async #accuracyOf({ live }: FinishedJob): Promise<number> {
    const estimator = federatedEstimator();
    await estimator.load(localPath(live));
    const { accuracy } = await estimator.evaluate(await this.#testSet());
    await estimator.close();
    const value = accuracy?.at(-1);
    if (value === undefined) throw new DemoError('the global model could not be judged', { awaited: 'its accuracy' });
    return value;
  }

  #testSet() {
    const index = join(this.#folder, 'data', 'test', 'index.txt');
    return readDigits(index, index);
  }
}

const rounded = (share: number): number => Math.round(share * 10_000) / 10_000;
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
