import { randomUUID } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { appendFile, link, mkdir, open, rm, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Tensors } from '../../features/joint-inference/oip-big-model.ts';
import { isLocal, localPath } from '../../storage/index.ts';
import { minerView } from './rows.ts';

/** Who gave the label: not a person. */
const labelledBy = 'big-model';

/**
 * Appends hard examples with the big model's answer as their label to the index of a Dataset: `json` gets lines of
 * `{"x", "label", "labelledBy"}`, `csv` the columns `x0 … xn, label, labelledBy`; files (images) are base64 in both. Of class probabilities the label is the class.
 */
export class HardExampleLog {
  readonly #file: string;
  readonly #format: 'json' | 'csv';
  #begun: Promise<void> | undefined;

  constructor({ url, format }: { url: string; format: string }) {
    if (format !== 'json' && format !== 'csv') {
      throw new Error(`spec.hardExamples.dataset: its format is ${format}; hard examples are written as json or csv`);
    }
    if (!isLocal(url)) throw new Error(`spec.hardExamples.dataset: ${url} is no file of this node`);
    this.#file = localPath(url);
    this.#format = format;
  }

  /** Each example is one write of one line, so that several processes may append. `again`: unless it is there already. */
  async append(input: Tensors, answer: Tensors, { again = false } = {}): Promise<void> {
    const x = portable(minerView(input));
    const label = labelOf(minerView(answer));
    const cells = [x].flat(Infinity);
    const line =
      this.#format === 'json'
        ? JSON.stringify({ x, label, labelledBy })
        : [...cells.map(cell), cell(label), labelledBy].join();
    try {
      this.#begun ??= this.#begin(cells.length);
      await this.#begun;
      if (again && (await this.#has(line))) return;
      await appendFile(this.#file, `${line}\n`);
    } catch (error) {
      // A disk that was full may have room again, and may have taken half a line.
      this.#begun = undefined;
      throw error;
    }
  }

  async #has(line: string): Promise<boolean> {
    const wanted = Buffer.from(`\n${line}\n`);
    let before = Buffer.from('\n');
    for await (const chunk of createReadStream(this.#file) as AsyncIterable<Buffer>) {
      const bytes = Buffer.concat([before, chunk]);
      if (bytes.includes(wanted)) return true;
      before = bytes.subarray(Math.max(0, bytes.length - wanted.length + 1));
    }
    return false;
  }

  /** A line that a killed process left half-written is closed; a new table gets its header. */
  async #begin(columns: number): Promise<void> {
    await mkdir(path.dirname(this.#file), { recursive: true });
    const header = [...Array.from({ length: columns }, (_, i) => `x${i}`), 'label', 'labelledBy'].join();
    if (this.#format === 'csv') await this.#create(header);
    const file = await open(this.#file, 'a+');
    try {
      const { size } = await file.stat();
      const last = Buffer.alloc(1);
      if (size > 0) await file.read(last, 0, 1, size - 1);
      if (size > 0 && last.toString() !== '\n') await file.appendFile('\n');
      if (this.#format !== 'csv') return;
      if (size === 0) await file.appendFile(`${header}\n`);
      else if (!(await this.#beginsWith(file, header))) {
        throw new Error(
          `spec.hardExamples.dataset: the columns of ${this.#file} are not x0 … x${columns - 1}, label, labelledBy`,
        );
      }
    } finally {
      await file.close();
    }
  }

  /** A table comes with its header: of several processes that begin at the same time one makes it. Where there are no hard links, none does. */
  async #create(header: string): Promise<void> {
    if (existsSync(this.#file)) return;
    const table = path.join(path.dirname(this.#file), `.${path.basename(this.#file)}.${randomUUID()}`);
    try {
      await writeFile(table, `${header}\n`);
      await link(table, this.#file).catch(() => undefined);
    } finally {
      await rm(table, { force: true });
    }
  }

  async #beginsWith(file: FileHandle, header: string): Promise<boolean> {
    const beginning = Buffer.alloc(Buffer.byteLength(header) + 1);
    const { bytesRead } = await file.read(beginning, 0, beginning.length, 0);
    return beginning.subarray(0, bytesRead).toString() === `${header}\n`;
  }
}

/** Files as base64, since neither format has bytes. */
function portable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return Array.isArray(value) ? value.map(portable) : value;
}

/** The class of a list of scores, else the answer itself. */
function labelOf(answer: unknown): unknown {
  const scores = Array.isArray(answer) && answer.length > 1 && answer.every((score) => typeof score === 'number');
  return scores ? answer.indexOf(Math.max(...answer)) : answer;
}

function cell(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
