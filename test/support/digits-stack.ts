/** A whole stack of its own with the digits example in it. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../deploy/local/files.ts';
import { feed } from '../../examples/incremental-learning/mnist/feed.ts';
import { eventually } from './eventually.ts';
import { LocalStack } from './local-stack.ts';

export interface JobStatus {
  phase: string;
  stage: string;
  round: number;
  usedSamples: number;
  waitingFor?: { reason: string; message: string; since: string } | null;
  lastRound?: { round: number; samples: number; deployed: boolean; reason: string };
  conditions: { type: string; status: string; stage?: string; reason?: string; message?: string; data?: string }[];
  endpoints?: { name: string; url: string }[];
  inference?: { pid: number; worker: string; restarts: number };
  handledVerbs?: Record<string, string>;
  observedGeneration: number;
}

const example = join(packageRoot(), 'examples', 'incremental-learning', 'mnist');

export class DigitsStack extends LocalStack {
  readonly data: string;

  constructor(name: string) {
    super(name);
    this.data = join(this.cwd, 'digits');
  }

  override async up(...flags: string[]): Promise<void> {
    const { prepare } = await import('../../examples/incremental-learning/mnist/prepare.ts');
    await prepare(this.data);
    await super.up('--images', join(example, 'images.yaml'), ...flags);
  }

  /**
   * The example's manifest in this stack's folder. With `epochs`, training takes as long as a test needs; `change` edits the text.
   */
  manifest(epochs?: number, change = (text: string): string => text): string {
    const text = readFileSync(join(example, 'job.yaml'), 'utf8').replaceAll('/tmp/sedna-mnist', this.data);
    const image = /image: ["']sedna\/mnist-train:v1["']/;
    assert.match(text, image);
    const longer = (found: string): string => `${found}, env: [{ name: EPOCHS, value: "${epochs}" }]`;
    const file = join(this.cwd, 'job.yaml');
    writeFileSync(file, change(epochs === undefined ? text : text.replace(image, longer)));
    return file;
  }

  /** The deployed model is the first one again. */
  resetModels(): void {
    const models = join(this.data, 'models');
    copyFileSync(join(models, 'initial.onnx'), join(models, 'deployed.onnx'));
  }

  feed(count: number): number {
    return feed(this.data, count);
  }

  status(name = 'digits', kind = 'il'): Promise<JobStatus> {
    return this.statusOf<JobStatus>(kind, name);
  }

  /** Waits until a stage is in a state, by Sedna's conditions. */
  async stage(stage: string, type: string, boundMs = 60_000): Promise<JobStatus> {
    return eventually(async () => {
      const status = await this.status();
      const last = status.conditions.at(-1);
      assert.equal(`${last?.stage}/${last?.type}`, `${stage}/${type}`);
      return status;
    }, boundMs);
  }

  /** Samples that a round was given, by kind. */
  samples(round: number, kind: 'train' | 'eval'): string[] {
    return readFileSync(join(this.data, 'output', 'data', kind, String(round), 'data.txt'), 'utf8')
      .trim()
      .split('\n');
  }
}
