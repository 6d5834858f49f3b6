/** The objects of a demo's manifest, applied and removed with the reader's own tool. */
import { readFileSync } from 'node:fs';
import type { ObjectStore } from '../../cli/lib/object-store.ts';
import type { Manifest } from '../../crds/lib/kind.ts';
import { parseManifests } from '../../crds/parse.ts';
import { DemoError } from './errors.ts';
import { pathForReader } from './paths.ts';
import type { DemoContext } from './run-demo.ts';
import type { Program, Shell } from './shell.ts';

const boundSeconds = 60;
/** A command's own limit comes first: its message is the better one. */
const boundMs = (boundSeconds + 10) * 1_000;

export class DemoObjects {
  readonly #tool: Program;
  readonly #file: string;

  /** `file`: the manifest, in the working directory or below. */
  constructor(tool: Program, file: string) {
    this.#tool = tool;
    this.#file = pathForReader(file);
  }

  async apply(shell: Shell): Promise<void> {
    await shell.run(this.#tool, ['apply', '-f', this.#file], { boundMs });
  }

  /** Several short waits instead of a long one: a watch that the API server cut while it took in definitions misses the change. */
  async available(shell: Shell, object: string): Promise<void> {
    const attempts = 3;
    const args = ['wait', object, '--for=condition=Available', `--timeout=${boundSeconds / attempts}s`];
    for (let attempt = 1; ; attempt++) {
      try {
        await shell.run(this.#tool, args, { boundMs });
        return;
      } catch (error) {
        if (!(error instanceof DemoError) || attempt === attempts) throw error;
      }
    }
  }

  async show(shell: Shell, kinds: string): Promise<void> {
    await shell.run(this.#tool, ['get', kinds], { boundMs });
  }

  async remove(shell: Shell): Promise<void> {
    const args = ['delete', '-f', this.#file, '--ignore-not-found', `--timeout=${boundSeconds}s`];
    await shell.run(this.#tool, args, { boundMs });
  }

  /** Those of an earlier demo go first. */
  async removeLeftovers({ narrator, shell }: DemoContext, store: ObjectStore, folder: string): Promise<void> {
    if (!(await this.#leftovers(store, folder))) return;
    narrator.say('demo', 'an earlier demo left its objects behind: they go first');
    await this.remove(shell);
  }

  /**
   * Whether an earlier demo left some of them. Objects of the same names that are somebody's own (they do not point into
   * `folder`) are not touched: an error says so.
   */
  async #leftovers(store: ObjectStore, folder: string): Promise<boolean> {
    const manifests = parseManifests(readFileSync(this.#file), this.#file).map(({ value }) => value as Manifest);
    const found = await Promise.all(
      manifests.map(({ kind, metadata }) => store.get({ kind, namespace: 'default', name: metadata.name })),
    );
    const existing = found.filter((object) => object !== undefined);
    const foreign = existing.find(({ spec }) => !JSON.stringify(spec).includes(folder));
    if (foreign !== undefined) {
      const name = `${foreign.kind.toLowerCase()}/${foreign.metadata.name}`;
      throw new DemoError(`${name} exists and is not the demo's own`, {
        hint: `delete it first, or run the demo in another folder: npx sedna delete ${name}`,
      });
    }
    return existing.length > 0;
  }
}
