import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { OnnxModel } from '../../../sdk/estimators/onnx/index.ts';
import type { OnnxTensor } from '../../../sdk/estimators/onnx/index.ts';
import type { Tensors } from '../../../sdk/index.ts';

/** Ready-made workers of the service `digits`, as processes of their own. */
export class ReadyMadeWorkers {
  readonly #children: ChildProcess[] = [];
  readonly #errors = new Map<ChildProcess, string>();

  /** Resolves with its process once it has said that it serves. */
  async start(module: 'big-model' | 'joint-inference', environment: Record<string, string>): Promise<ChildProcess> {
    const script = fileURLToPath(new URL(`../../../sdk/ready-made/${module}.ts`, import.meta.url));
    const env = { ...process.env, SERVICE_NAME: 'digits', LC_PERIOD: '1', ...environment };
    const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#errors.set(child, this.said(child) + text));
    const lines = createInterface(child.stdout);
    const [line] = (await Promise.race([once(lines, 'line'), once(child, 'exit')])) as [unknown];
    if (!/^serving .* as digits, version [0-9a-f]{12}, on port \d+$/.test(String(line))) {
      throw new Error(`${module} did not serve, but said ${String(line)} ${this.said(child)}`);
    }
    return child;
  }

  /** On its standard error. */
  said(child: ChildProcess): string {
    return this.#errors.get(child) ?? '';
  }

  async endAll(): Promise<void> {
    for (const child of this.#children.splice(0)) await end(child, 'SIGTERM');
  }
}

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

/** Samples of two numbers each. */
export const rows = (...values: number[]): Tensors => ({
  input: { datatype: 'float32', shape: [values.length / 2, 2], data: Float32Array.from(values) },
});

export const data = (outputs: Tensors) => Array.from(Object.values(outputs)[0]?.data as Float32Array);

/** What a model answers by itself. */
export async function directly(file: string, feeds: Tensors): Promise<number[]> {
  const model = await OnnxModel.open(file, { threads: 1 });
  const outputs = await model.run(feeds as Record<string, OnnxTensor>);
  await model.close();
  return Array.from(Object.values(outputs)[0]?.data as Float32Array);
}
