/** Stuck situations, brought about side by side in one real stack: what people see names the cause, the since and the cure. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { paragraphOf } from '../../workflows/lib/cures.ts';
import { eventually } from '../support/eventually.ts';
import { describeKubernetes } from '../support/stack.ts';
import { packageRoot } from '../../deploy/local/files.ts';
import { expectHelp, golden, update, updating } from './lib/golden.ts';
import { look } from './lib/look.ts';
import { common, dataset } from './lib/manifests.ts';
import { normal } from './lib/normal.ts';
import { situations } from './situations/index.ts';
import type { Situation } from './lib/situation.ts';
import { closelyMs, World } from './lib/world.ts';

const boundMs = 600_000;
const settleMs = 120_000;
/** A look is a dozen processes. */
const lookMs = 1_000;

describeKubernetes('stuck', () => {
  const world = new World();
  const seen = new Map<string, string>();
  const failures = new Map<string, unknown>();
  const leftOut = new Set<string>();

  const possible = (): Situation[] => situations.filter(({ name }) => !failures.has(name) && !leftOut.has(name));

  async function bringAbout(situation: Situation): Promise<void> {
    const { name, kind = 'IncrementalLearningJob', fleeting = false, until } = situation;
    await situation.then?.(world);
    await world.known(kind, name, until, fleeting ? closelyMs : undefined);
    if (fleeting) seen.set(name, (await look(world, [situation])).get(name) ?? '');
  }

  /** Some go on changing for a moment (heartbeats, restarts): looks again until all is as it is to be. */
  async function settle(): Promise<void> {
    let before = '';
    const lasting = possible().filter(({ fleeting }) => fleeting !== true);
    const looks = async (): Promise<void> => {
      for (const [name, text] of await look(world, lasting)) seen.set(name, text);
      const now = [...seen.values()].join('');
      const settled = updating ? now === before : lasting.every(({ name }) => seen.get(name) === golden(name));
      before = now;
      expect(settled).toBe(true);
    };
    await eventually(looks, settleMs, lookMs).catch(() => undefined);
  }

  beforeAll(async () => {
    await world.up();
    for (const situation of situations) {
      const why = situation.impossible?.(world);
      if (why === undefined) continue;
      leftOut.add(situation.name);
      console.warn(`${situation.name} is left out: ${why}`);
    }
    await world.apply(common(world));
    // What passes by itself comes when the others no longer keep the machine busy: a look must not take longer than it lasts.
    for (const isFleeting of [false, true]) {
      const some = possible().filter(({ fleeting = false }) => fleeting === isFleeting);
      await world.apply(some.flatMap((situation) => situation.manifests(world)));
      await Promise.all(
        some.map((situation) =>
          bringAbout(situation).catch((error: unknown) => void failures.set(situation.name, error)),
        ),
      );
    }
    await settle();
    if (updating) for (const [name, text] of seen) update(name, text);
  }, boundMs);

  afterAll(() => world.down(), 60_000);

  test.each(situations.map((situation) => [situation.name, situation] as const))('%s', (name, { shows }) => {
    if (failures.has(name)) throw failures.get(name) as Error;
    if (leftOut.has(name)) return;
    const text = seen.get(name) ?? '';
    expect(text).toBe(golden(name));
    for (const code of shows) expect(text).toMatch(new RegExp(`more +${paragraphOf(code)}$`, 'm'));
    expect(text).toMatch(/since +(TIME|AGE)/);
    expect(text).toMatch(/(unblock|refused) +\S/);
  });

  // --- the stack itself is down: in this order, each with what the ones before have taken away ------------------------

  /** Compares what is said with its golden file. */
  function judge(name: string, text: string): void {
    const told = `${normal(text, { STACK: world.cwd, REPOSITORY: packageRoot() })}\n`;
    if (updating) update(name, told);
    expect(told).toBe(golden(name));
  }

  /** What a verb says, standard output before standard error. */
  async function say(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await world.sedna(...args);
    return `$ sedna ${args.join(' ')}\n${stdout}${stderr}exit ${code}`;
  }

  test('definitions-not-installed', async () => {
    await world.kubectl('delete', 'crd', 'reidjobs.sedna.io', '--wait=false');
    await eventually(async () => expect((await world.sedna('get', 'reid')).code).toBe(1), 20_000, lookMs);
    const text = await say('get', 'reid');
    judge('definitions-not-installed', text);
    expectHelp(text);
  }, 60_000);

  test('no-global-manager', async () => {
    await world.stop('why-gm');
    await world.apply([dataset('after-the-gm', { url: world.samples('after-the-gm', 1) })]);
    const untouched = await say('explain', 'dataset/after-the-gm');
    judge('no-global-manager-for-a-new-object', untouched);
    expect(untouched).toContain(`more       ${paragraphOf('NoGlobalManager')}`);
    const stale = await say('explain', 'dataset/dataset-without-file');
    expect(stale).toContain('no global manager answers: what is said above may be old');
    const refused = await say('trigger', 'il/job-without-samples');
    judge('no-global-manager-for-a-verb', refused);
    expectHelp(refused);
  }, 60_000);

  test('api-server-away', async () => {
    await world.stopComponent('kube-apiserver');
    const text = await say('get', 'il');
    judge('api-server-away', text);
    expectHelp(text);
  }, 60_000);
});
