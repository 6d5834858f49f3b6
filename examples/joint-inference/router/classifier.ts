/** The router: a text classifier as they are exported, token ids in and logits of LABEL_0 (the little model will do) and LABEL_1 out. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tokenizers from '@huggingface/tokenizers';
import { encodeModel, GraphBuilder, OnnxEstimator, type ModelProto } from '../../../sdk/estimators/onnx/index.ts';
import type { Weights } from '../../../sdk/index.ts';
import { bigAnswer, littleAnswer, questions, words } from './questions.ts';

// The package's declarations are not found by every module resolution.
const { Tokenizer } = tokenizers as unknown as {
  Tokenizer: new (tokenizer: object, config: object) => { encode(text: string): { ids: number[] } };
};

const digits = [...'0123456789'];
/** `17` becomes `1`, `##7`: the digits behind the first one are tokens of their own. */
const vocabulary = ['[PAD]', '[UNK]', ...words, ...digits, ...digits.map((digit) => `##${digit}`)];
const trainQuestions = 2_000;

const tokenizerJson = {
  version: '1.0',
  added_tokens: [],
  normalizer: { type: 'Lowercase' },
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: null,
  decoder: null,
  model: {
    type: 'WordPiece',
    vocab: Object.fromEntries(vocabulary.map((word, i) => [word, i])),
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
  },
};

/** Trains it on what the little model gets right, and writes `router.onnx` with `tokenizer.json` into the folder. */
export async function writeRouter(folder: string): Promise<void> {
  const texts = questions(trainQuestions, 1);
  const tokenizer = new Tokenizer(tokenizerJson, {});
  const inputs = new Float32Array(texts.length * vocabulary.length);
  for (const [row, text] of texts.entries()) {
    for (const id of tokenizer.encode(text).ids)
      inputs[row * vocabulary.length + id] = 1 + (inputs[row * vocabulary.length + id] ?? 0);
  }
  const labels = Int32Array.from(texts, (text) => (littleAnswer(text) === bigAnswer(text) ? 0 : 1));
  const estimator = new OnnxEstimator({
    model: new GraphBuilder({ seed: 1 }).input([vocabulary.length]).dense(2).softmax().build(),
    loss: 'softmaxCrossEntropy',
    optimizer: { name: 'adam', learningRate: 0.02 },
    epochs: 10,
    batchSize: 32,
    seed: 1,
    threads: 1,
  });
  await estimator.train({ inputs, labels, shape: [vocabulary.length], count: texts.length });
  writeFileSync(join(folder, 'router.onnx'), encodeModel(overTokens(await estimator.getWeights())));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizerJson));
  await estimator.close();
}

/** A sum over the words of a text is a row of their counts times the weights: the same model, with token ids as its input. */
function overTokens(weights: Weights): ModelProto {
  const [float32, int64] = [1, 7];
  const tensor = (name: string, given: string) => {
    const { shape, data } = weights[given] ?? { shape: [], data: new Float32Array() };
    return {
      name,
      dims: shape,
      dataType: float32,
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    };
  };
  const axes = { name: 'axes', dims: [1], dataType: int64, rawData: new Uint8Array(BigInt64Array.of(1n).buffer) };
  const type = (elemType: number, last: object) => ({
    tensorType: { elemType, shape: { dim: [{ dimParam: 'N' }, last] } },
  });
  return {
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'router',
      node: [
        { opType: 'Gather', input: ['votes', 'input_ids'], output: ['voted'] },
        {
          opType: 'ReduceSum',
          input: ['voted', 'axes'],
          output: ['sums'],
          attribute: [{ name: 'keepdims', type: 2, i: 0 }],
        },
        { opType: 'Add', input: ['sums', 'bias'], output: ['logits'] },
      ],
      initializer: [tensor('votes', 'dense1/weight'), tensor('bias', 'dense1/bias'), axes],
      input: [{ name: 'input_ids', type: type(int64, { dimParam: 'tokens' }) }],
      output: [{ name: 'logits', type: type(float32, { dimValue: 2 }) }],
    },
  };
}
