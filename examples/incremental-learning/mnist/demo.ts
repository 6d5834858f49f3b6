/** The story of incremental learning: a weak model at the edge, new labelled digits, two rounds, and requests all the while. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Session } from '../../../cli/lib/session.ts';
import { sha256File } from '../../../deploy/local/files.ts';
import { DemoError } from '../../lib/errors.ts';
import { Load } from '../../lib/load.ts';
import { copyManifest } from '../../lib/manifest.ts';
import { DemoObjects } from '../../lib/objects.ts';
import { pathForReader } from '../../lib/paths.ts';
import { onStack } from '../../lib/on-stack.ts';
import type { Demo, DemoContext, DemoResult } from '../../lib/run-demo.ts';
import { demoFolder, type DemoStack } from '../../lib/stack.ts';
import { waitFor } from '../../lib/wait.ts';
import { tellResults, tellThingsToTry, workflowUrl } from './closing.ts';
import { allDigits } from './digits.ts';
import { feed } from './feed.ts';
import { job, JobTeller } from './job-teller.ts';
import { initialSamples, prepare } from './prepare.ts';
import type { DemoRound, IncrementalSummary } from './summary.ts';
import { lastOf, rollup, type JobStatus, type LastRound } from './words.ts';

const example = fileURLToPath(new URL('.', import.meta.url));
const modelName = 'digits';
const rounds = 2;
/** New digits of a round, as they come: after the second 320 would train (trainProb 0.8), 400 must; after the third 960 do. */
const portions = [200, 200, 800];
/** From the other end of the data: no round ever trains on these. */
const heldOut = 1_000;
const requestsPerSecond = 20;
/** Answers per version that its accuracy is told by. */
const answersPerVersion = 100;

export const incrementalDemo: Demo = (context) =>
  onStack(context, join(example, 'images.yaml'), (stack, session) => new Story(context, stack, session).tell());

class Story {
  readonly #context: DemoContext;
  readonly #stack: DemoStack;
  readonly #session: Session;
  readonly #folder = demoFolder('mnist');
  readonly #job: JobTeller;

  constructor(context: DemoContext, stack: DemoStack, session: Session) {
    this.#context = context;
    this.#stack = stack;
    this.#session = session;
    this.#job = new JobTeller(session.objects, context.narrator, context.signal);
  }

  async tell(): Promise<DemoResult> {
    const { narrator, shell } = this.#context;
    const objects = this.#manifest();
    await objects.removeLeftovers(this.#context, this.#session.objects, this.#folder);
    await this.#prepare();
    narrator.title('The job: one Dataset, two Models, one IncrementalLearningJob');
    await this.#apply(objects);
    const load = await this.#startLoad();
    const done: DemoRound[] = [];
    try {
      for (let round = 1; round <= rounds; round++) done.push(await this.#round(round, load));
    } finally {
      await load.stop();
    }
    narrator.title('What it came to');
    await objects.show(shell, 'il,dataset,model');
    const summary = this.#summary(done, load);
    tellResults(narrator, summary, load.firstProblem);
    if (this.#context.options.keep) tellThingsToTry(narrator, this.#folder, this.#stack.state);
    const { requests, droppedRequests } = summary;
    const problem = `${droppedRequests} of ${requests} requests were not answered`;
    return { summary, ...(droppedRequests === 0 ? {} : { problem }) };
  }

  /** The example's manifest with this demo's folder in it, written where the reader finds it. */
  #manifest(): DemoObjects {
    const file = join(this.#folder, 'job.yaml');
    copyManifest(join(example, 'job.yaml'), file, { from: '/tmp/sedna-mnist', to: this.#folder });
    return new DemoObjects(this.#stack.tool, file);
  }

  async #prepare(): Promise<void> {
    const { narrator } = this.#context;
    narrator.title('The first model: trained on a few digits only, so that there is something to improve');
    await prepare(this.#folder);
    narrator.say(
      'demo',
      `a model was trained on ${initialSamples} handwritten digits: ${pathForReader(this.#folder)}/models/initial.onnx`,
    );
  }

  async #apply(objects: DemoObjects): Promise<void> {
    const { shell, cleanup, cleaningShell } = this.#context;
    cleanup.later('the objects', () => objects.remove(cleaningShell));
    await objects.apply(shell);
    this.#context.subject = `il/${job.name}`;
    await objects.available(shell, `il/${job.name}`);
  }

  async #startLoad(): Promise<Load> {
    const { narrator } = this.#context;
    const { endpoints = [], nodes } = await this.#job.status();
    const url = endpoints[0]?.url;
    if (url === undefined)
      throw new DemoError('the job is Available but names no endpoint', { awaited: 'status.endpoints' });
    const edge = nodes?.deploy ?? 'edge';
    narrator.say(
      edge,
      `serves the first model, version ${await this.#servedVersion(url)}, at ${url}/v2/models/${modelName}`,
    );
    narrator.say('Temporal UI', workflowUrl(this.#stack.state.temporal.ui));
    narrator.say(
      'load',
      `${requestsPerSecond} requests a second from now on, of ${heldOut} digits that no model trains on`,
    );
    const samples = allDigits()
      .slice(-heldOut)
      .map(({ label, image }) => ({ label, input: Array.from(image, (value) => value / 255) }));
    const load = new Load({ url, model: modelName, requestsPerSecond, samples });
    load.start();
    return load;
  }

  async #round(round: number, load: Load): Promise<DemoRound> {
    const { narrator } = this.#context;
    narrator.title(`Round ${round}`);
    const url = (await this.#job.status()).endpoints?.[0]?.url ?? '';
    const before = await this.#servedVersion(url);
    await this.#enoughAnswers(load, before);
    for (let portion = 0; portion < portions.length; portion++) await this.#feed(round, portion);
    const { lastRound, nodes } = await this.#roundEnd(round);
    const edge = nodes?.deploy ?? 'edge';
    if (lastRound.deployed) {
      const version = await this.#takenOver(url);
      narrator.good(edge, `serves version ${version}, and no longer ${before}; ${soFar(load)}`);
      await this.#enoughAnswers(load, version);
    } else narrator.say(edge, `goes on with version ${before}; ${soFar(load)}`);
    const { fresh, deployed } = lastRound.metrics ?? {};
    return {
      round: lastRound.round,
      samples: lastRound.samples,
      accuracyBefore: rounded(lastOf(deployed?.accuracy)),
      accuracyAfter: rounded(lastOf(fresh?.accuracy)),
      deployed: lastRound.deployed,
    };
  }

  async #feed(round: number, portion: number): Promise<void> {
    const { narrator } = this.#context;
    const fresh = portions.slice(0, portion + 1).reduce((sum, size) => sum + size, 0);
    const total = feed(this.#folder, portions[portion] ?? 0);
    narrator.say('feeder', `${portions[portion]} new labelled digits, the dataset has ${total}`);
    const counted = await this.#job.follow(`the job to count ${fresh} new samples`, 60_000, (status) =>
      status.round >= round || (status.newSamples ?? 0) >= fresh ? status : undefined,
    );
    if (counted.round >= round) return;
    narrator.say('job', `waits: ${counted.waitingFor?.message ?? rollup(counted, 'Progressing')?.message}`);
  }

  #roundEnd(round: number): Promise<JobStatus & { lastRound: LastRound }> {
    return this.#job.follow(`the end of round ${round}`, 120_000, (status) => {
      const { lastRound } = status;
      return lastRound !== undefined && lastRound.round >= round ? { ...status, lastRound } : undefined;
    });
  }

  /** The server names the first 12 digits of the digest of what it serves. */
  async #takenOver(url: string): Promise<string> {
    const wanted = (await sha256File(join(this.#folder, 'models', 'deployed.onnx'))).slice(0, 12);
    const look = async (): Promise<string | undefined> =>
      (await this.#servedVersion(url)) === wanted ? wanted : undefined;
    return waitFor(look, {
      awaited: `the server to serve the deployed model, version ${wanted}`,
      boundMs: 60_000,
      signal: this.#context.signal,
    });
  }

  async #enoughAnswers(load: Load, version: string): Promise<void> {
    await waitFor(() => load.answeredBy(version) >= answersPerVersion || undefined, {
      awaited: `${answersPerVersion} answers of version ${version}${load.firstProblem ? ` (${load.firstProblem})` : ''}`,
      boundMs: 60_000,
      signal: this.#context.signal,
    });
  }

  async #servedVersion(url: string): Promise<string> {
    const answer = await fetch(`${url}/v2/models/${modelName}`, { signal: AbortSignal.timeout(5_000) });
    const { versions } = (await answer.json()) as { versions?: string[] };
    return versions?.[0] ?? 'none';
  }

  #summary(done: DemoRound[], load: Load): IncrementalSummary {
    return {
      mode: this.#stack.state.mode,
      rounds: done,
      requests: load.sent,
      droppedRequests: load.dropped,
      served: load.served().map((served) => ({ ...served, accuracy: rounded(served.accuracy) })),
      temporalUi: this.#stack.state.temporal.ui,
    };
  }
}

const rounded = (share: number): number => Math.round(share * 10_000) / 10_000;

const soFar = (load: Load): string => `${load.sent} requests so far, ${load.dropped} dropped`;
