import * as tokenizers from '@huggingface/tokenizers';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { OnnxError, messageOf } from './errors.ts';
import { OnnxModel } from './onnx-model.ts';
import type { OnnxTensor } from './onnx-model.ts';

interface Tokenizer {
  encode(text: string): { ids: number[] };
}
// The declarations of the package refer to each other without file endings, which this project's module resolution does not follow.
const { Tokenizer } = tokenizers as unknown as { Tokenizer: new (tokenizer: object, config: object) => Tokenizer };

export interface TextClassifierOptions {
  /** An ONNX file, or a folder with `model.onnx`. */
  model: string;
  /** Hugging Face's `tokenizer.json`. Default: beside the model. `tokenizer_config.json` beside it is read if it is there. */
  tokenizer?: string;
  /** Tokens that the model is given at most; what is longer loses its end, not its closing token. */
  maxLength: number;
}

/** An exported text classifier (BERT, RoBERTa, …): integer inputs among `input_ids`, `attention_mask` and `token_type_ids`, logits out. */
export class TextClassifier {
  readonly #model: OnnxModel;
  readonly #tokenizer: Tokenizer;
  readonly #maxLength: number;

  private constructor(model: OnnxModel, tokenizer: Tokenizer, maxLength: number) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#maxLength = maxLength;
  }

  static async open({ model, tokenizer, maxLength }: TextClassifierOptions): Promise<TextClassifier> {
    const file = (await isFolder(model)) ? path.join(model, 'model.onnx') : model;
    const vocabulary = tokenizer ?? path.join(path.dirname(file), 'tokenizer.json');
    const config = await readJson(path.join(path.dirname(vocabulary), 'tokenizer_config.json')).catch(() => ({}));
    let made: Tokenizer;
    try {
      made = new Tokenizer(await readJson(vocabulary), config);
    } catch (error) {
      throw new OnnxError('InvalidModel', `${vocabulary}: is no tokenizer: ${messageOf(error)}`, { cause: error });
    }
    const opened = await OnnxModel.open(file, { threads: 1 });
    const foreign = opened.inputs.find(({ name }) => !(name in inputsOf([], maxLength)));
    if (foreign)
      throw new OnnxError('InvalidModel', `${file}: no text classifier: it wants an input "${foreign.name}"`);
    return new TextClassifier(opened, made, maxLength);
  }

  /** One per label, in the model's order. */
  async logits(text: string): Promise<number[]> {
    const { ids } = this.#tokenizer.encode(text);
    const values = inputsOf(ids, this.#maxLength);
    const feeds = this.#model.inputs.map(({ name, datatype }): [string, OnnxTensor] => {
      const row = values[name as keyof typeof values];
      const data = datatype === 'int64' ? BigInt64Array.from(row, BigInt) : Int32Array.from(row);
      return [name, { datatype, shape: [1, row.length], data }];
    });
    const outputs = await this.#model.run(Object.fromEntries(feeds));
    return Array.from(Object.values(outputs)[0]?.data as ArrayLike<number>, Number);
  }

  close(): Promise<void> {
    return this.#model.close();
  }
}

function inputsOf(ids: readonly number[], maxLength: number) {
  const kept = ids.length <= maxLength ? ids : [...ids.slice(0, maxLength - 1), ...ids.slice(-1)];
  return { input_ids: kept, attention_mask: kept.map(() => 1), token_type_ids: kept.map(() => 0) };
}

const readJson = async (file: string): Promise<object> => JSON.parse(await readFile(file, 'utf8')) as object;

const isFolder = (file: string): Promise<boolean> =>
  stat(file).then(
    (found) => found.isDirectory(),
    () => false,
  );
