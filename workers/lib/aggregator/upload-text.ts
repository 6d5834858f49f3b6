/** An update as a trainer of the original library sends it: `update_weight`, with numbers in full precision. */
import type { TensorFile } from '../../../sdk/tensors/index.ts';
import { writeTensor } from '../gateway/reply-text.ts';
import { failed } from './failed.ts';
import { mostMessageBytes } from './socket.ts';

export interface UploadHead {
  client: string;
  samples: number;
  job: string;
}

/** The text in pieces. Layers come in the order of their tensors' names. */
export async function uploadPieces(file: TensorFile, { client, samples, job }: UploadHead): Promise<Buffer[]> {
  const head = { type: 'update_weight', client, job_name: job, data: { num_samples: samples } };
  const pieces = [Buffer.from(`${JSON.stringify(head).slice(0, -2)},"weights":[`)];
  let bytes = 0;
  for (const [i, entry] of file.entries.entries()) {
    const texts: string[] = i === 0 ? [] : [','];
    const write = (text: string): boolean => {
      texts.push(text);
      return (bytes += text.length) <= mostMessageBytes;
    };
    if (!(await writeTensor(file, entry, write, decimal))) {
      throw failed(
        `the update of client ${client} is more than ${mostMessageBytes >> 20} MiB as JSON: make the model smaller`,
      );
    }
    pieces.push(Buffer.from(texts.join('')));
  }
  return [...pieces, Buffer.from(']}}')];
}

/** As Python writes a float: the aggregator computes with exactly what the update holds. */
export function decimal(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
