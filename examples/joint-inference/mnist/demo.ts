/**
 * The story of joint inference: the edge answers what it is sure of, the cloud the rest; the cloud dies for ten seconds under load, and
 * nobody waits: the edge answers everything, and what the cloud would have said comes later.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Session } from '../../../cli/lib/session.ts';
import { DemoError } from '../../lib/errors.ts';
import { copyManifest } from '../../lib/manifest.ts';
import { DemoObjects } from '../../lib/objects.ts';
import { onStack } from '../../lib/on-stack.ts';
import type { Demo, DemoContext, DemoResult } from '../../lib/run-demo.ts';
import { demoFolder, type DemoStack } from '../../lib/stack.ts';
import { waitFor } from '../../lib/wait.ts';
import { listen } from './ends.ts';
import { judge, percent, thresholds } from './evaluate.ts';
import { classOf, JointLoad, type Outcome } from './load.ts';
import { outage } from './outage.ts';
import { prepare, testSet } from './prepare.ts';
import { accuracyOf, plot, tradeOff, type Judged } from './trade-off.ts';

const example = fileURLToPath(new URL('.', import.meta.url));
const service = { kind: 'JointInferenceService', namespace: 'default', name: 'digits' };
const requestsPerSecond = 40;
const outageSeconds = 10;
/** Answers before the outage, and again after it. */
const answersAround = 150;

export const jointDemo: Demo = (context) =>
  onStack(context, undefined, (stack, session) => new Story(context, stack, session).tell());

class Story {
  readonly #context: DemoContext;
  readonly #stack: DemoStack;
  readonly #session: Session;
  readonly #folder = demoFolder('joint');
  readonly #objects: DemoObjects;

  constructor(context: DemoContext, stack: DemoStack, session: Session) {
    this.#context = context;
    this.#stack = stack;
    this.#session = session;
    const file = join(this.#folder, 'service.yaml');
    copyManifest(join(example, 'service.yaml'), file, { from: '/tmp/sedna-joint', to: this.#folder });
    this.#objects = new DemoObjects(stack.tool, file);
  }

  async tell(): Promise<DemoResult> {
    const { narrator, shell, cleanup, cleaningShell } = this.#context;
    await this.#objects.removeLeftovers(this.#context, this.#session.objects, this.#folder);
    cleanup.later('the objects', () => this.#objects.remove(cleaningShell));
    narrator.title('Two models: a little one for the edge, a big one for the cloud');
    narrator.say('demo', 'the example trains both now, with OnnxEstimator: on 500 and on 4,000 handwritten digits');
    await prepare(this.#folder);
    narrator.say('demo', 'accuracy on 1,000 others, by how many of them the cloud is asked about:');
    const judged = await judge(this.#folder);
    for (const line of plot(tradeOff(judged, thresholds))) narrator.plain(line);
    narrator.title('The service');
    await this.#objects.apply(shell);
    this.#context.subject = `ji/${service.name}`;
    await this.#objects.available(shell, `ji/${service.name}`);
    const load = await this.#underLoad();
    narrator.title('What it came to');
    await this.#objects.show(shell, 'ji,model');
    return this.#result(load, judged);
  }

  async #underLoad(): Promise<JointLoad> {
    const { narrator, signal } = this.#context;
    const url = await this.#edge();
    narrator.say('load', `${requestsPerSecond} digits a second to ${url}/v2/models/${service.name}/infer`);
    const load = new JointLoad({ url, model: service.name, requestsPerSecond, digits: testSet() });
    const over = new AbortController();
    const listening = listen(
      url,
      ({ id, state, outputs }) => load.ended(id, state, outputs?.[0] && classOf(outputs[0].data)),
      over.signal,
    );
    load.start();
    try {
      await this.#answers(load, answersAround);
      narrator.say('edge', soFar(load));
      narrator.title(`The cloud dies for ${outageSeconds} seconds`);
      await outage(outageSeconds, narrator, { signal, meanwhile: () => narrator.say('edge', soFar(load)) });
      narrator.say('edge', soFar(load));
      await this.#cloudAgain(load);
      await this.#answers(load, load.outcomes().length + answersAround);
      await load.stop();
      await this.#finals(load);
      narrator.good('edge', soFar(load));
    } finally {
      await load.stop();
      over.abort();
      await listening;
    }
    return load;
  }

  async #edge(): Promise<string> {
    const { status } = (await this.#session.objects.get(service)) ?? {};
    const { endpoints = [] } = (status ?? {}) as { endpoints?: { name: string; url: string }[] };
    const url = endpoints.find(({ name }) => name === 'edge')?.url;
    if (url !== undefined) return url;
    throw new DemoError('the service is Available but names no endpoint of its edge worker', {
      awaited: 'status.endpoints',
    });
  }

  #answers(load: JointLoad, wanted: number): Promise<boolean> {
    return this.#wait(
      `${wanted} answers (${load.firstProblem ?? 'none failed'})`,
      () => load.outcomes().length >= wanted,
    );
  }

  #cloudAgain(load: JointLoad): Promise<boolean> {
    return this.#wait('an answer of the cloud', () => {
      const { hard, degraded } = load.outcomes().findLast((outcome) => outcome.hard) ?? {};
      return hard === true && degraded === false;
    });
  }

  #finals(load: JointLoad): Promise<boolean> {
    return this.#wait(
      'the end of every deferred request',
      () => count(load, ({ deferred }) => deferred === 'pending') === 0,
    );
  }

  #wait(awaited: string, holds: () => boolean): Promise<boolean> {
    return waitFor(() => holds() || undefined, { awaited, boundMs: 60_000, signal: this.#context.signal });
  }

  #result(load: JointLoad, judged: readonly Judged[]): DemoResult {
    const { narrator } = this.#context;
    const outcomes = load.outcomes();
    const right = count(load, ({ label, answer }) => label === answer);
    const summary = {
      mode: this.#stack.state.mode,
      requests: load.sent,
      failed: load.failed,
      degraded: count(load, ({ degraded }) => degraded),
      deferredFinal: count(load, ({ deferred }) => deferred === 'final'),
      deferredExpired: count(load, ({ deferred }) => deferred === 'expired'),
      accuracy: {
        edge: rounded(accuracyOf(judged, 'little')),
        joint: rounded(right / outcomes.length),
        cloud: rounded(accuracyOf(judged, 'big')),
      },
      uploadRatio: rounded(count(load, ({ hard }) => hard) / outcomes.length),
      temporalUi: this.#stack.state.temporal.ui,
    };
    const { edge, joint, cloud } = summary.accuracy;
    narrator.plain('');
    narrator.plain(`right: ${percent(edge)} edge only, ${percent(joint)} together, ${percent(cloud)} cloud only`);
    narrator.plain(`to the cloud: ${percent(summary.uploadRatio)} of ${summary.requests} digits`);
    narrator.plain(`slowest answer: ${Math.round(Math.max(...outcomes.map(({ milliseconds }) => milliseconds)))} ms`);
    const problem = shortfall(summary, load);
    return { summary, ...(problem !== undefined && { problem }) };
  }
}

function shortfall(
  {
    failed,
    requests,
    degraded,
    deferredFinal,
  }: { failed: number; requests: number; degraded: number; deferredFinal: number },
  { firstProblem }: JointLoad,
): string | undefined {
  if (failed > 0) return `${failed} of ${requests} requests were not answered: ${firstProblem}`;
  if (degraded === 0) return 'the cloud was away and no answer was degraded';
  if (deferredFinal < degraded) return `${degraded - deferredFinal} degraded answers have no final one`;
  return undefined;
}

const count = (load: JointLoad, holds: (outcome: Outcome) => boolean): number => load.outcomes().filter(holds).length;
const rounded = (share: number): number => Math.round(share * 10_000) / 10_000;

function soFar(load: JointLoad): string {
  const parts = {
    'by the edge': count(load, ({ hard }) => !hard),
    'by the cloud': count(load, ({ hard, degraded }) => hard && !degraded),
    'by the edge in its place': count(load, ({ degraded }) => degraded),
    'of those with a final answer': count(load, ({ deferred }) => deferred === 'final'),
  };
  const said = Object.entries(parts).map(([what, number]) => `${number} ${what}`);
  return `${load.outcomes().length} answers: ${said.join(', ')}; ${load.failed} failed`;
}
