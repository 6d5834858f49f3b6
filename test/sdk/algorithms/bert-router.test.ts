import { expect, test } from '@jest/globals';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeModel } from '../../../sdk/estimators/onnx/index.ts';
import { int } from '../../../sdk/estimators/onnx/graph/attributes.ts';
import { floatTensor, intTensor } from '../../../sdk/estimators/onnx/graph/tensors.ts';
import { GraphWriter } from '../../../sdk/estimators/onnx/graph/writer.ts';
import { DataType } from '../../../sdk/estimators/onnx/proto/types.ts';
import { TextClassifier } from '../../../sdk/estimators/onnx/text-classifier.ts';
import { hardExampleMiner } from '../../../sdk/index.ts';

const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'easy', 'hard', 'question'];
/** What each word adds to the logits of LABEL_0 and LABEL_1. */
const votes = [0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 2, 0.25, 0.25];
const folder = classifier();

/** A bag of words as exported classifiers look: ids and mask in, logits out, `[CLS]` and `[SEP]` around the text. */
function classifier(): string {
  const folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'router-'));
  const writer = new GraphWriter();
  writer.define('rows', 'Gather', ['votes', 'input_ids'], { axis: int(0) });
  writer.define('logits', 'ReduceSum', ['rows', 'axes'], { keepdims: int(0) });
  const ids = (name: string) => ({
    name,
    type: { tensorType: { elemType: DataType.int64, shape: { dim: [{ dimValue: 1 }, { dimParam: 'tokens' }] } } },
  });
  const labels = { tensorType: { elemType: DataType.float32, shape: { dim: [{ dimValue: 1 }, { dimValue: 2 }] } } };
  const graph = {
    name: 'router',
    node: writer.nodes,
    initializer: [floatTensor('votes', [words.length, 2], Float32Array.from(votes)), intTensor('axes', [1], [1])],
    input: [ids('input_ids'), ids('attention_mask')],
    output: [{ name: 'logits', type: labels }],
  };
  writeFileSync(
    join(folder, 'model.onnx'),
    encodeModel({ irVersion: 8, graph, opsetImport: [{ domain: '', version: 17 }] }),
  );
  const special = (id: string) => ({ id, ids: [words.indexOf(id)], tokens: [id] });
  const around = (sequence: string) => [
    { SpecialToken: { id: '[CLS]', type_id: 0 } },
    { Sequence: { id: sequence, type_id: 0 } },
    { SpecialToken: { id: '[SEP]', type_id: 0 } },
  ];
  const tokenizer = {
    version: '1.0',
    added_tokens: [],
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: {
      type: 'TemplateProcessing',
      single: around('A'),
      pair: around('A'),
      special_tokens: { '[CLS]': special('[CLS]'), '[SEP]': special('[SEP]') },
    },
    decoder: null,
    model: {
      type: 'WordPiece',
      vocab: Object.fromEntries(words.map((word, i) => [word, i])),
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
    },
  };
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  return folder;
}

test.each([
  // s = 1 / (1 + exp(l1 - l0)): one vote ahead is 0.8808, equal is 0.5
  [{}, 'An EASY question', false],
  [{}, ['hard question', 'easy'], true],
  [{}, 'question', false],
  [{ threshold: '0.9' }, 'easy', true],
  [{ threshold: 0.88 }, 'easy', false],
  [{ max_length: '3' }, 'easy hard hard', false], // [CLS] easy [SEP]
  [{}, '', false],
  [{}, [], false],
  [{}, [0.5, 0.5], false],
  [{}, null, false],
])('%j on %j: %s', async (parameters, text, hard) => {
  expect(await hardExampleMiner('BertRouter', { model: folder, ...parameters })(text)).toBe(hard);
});

test('what is given to the model begins and ends as it was taught', async () => {
  const opened = await TextClassifier.open({ model: join(folder, 'model.onnx'), maxLength: 512 });
  expect(await opened.logits('hard easy unheard')).toEqual([2, 2]);
  await opened.close();
});

test('what is missing is said when the router is made, or by the first question', async () => {
  expect(() => hardExampleMiner('BertRouter')).toThrow(
    /parameter "model": must be the file of an ONNX text classifier/,
  );
  expect(() => hardExampleMiner('BertRouter', { model: folder, task: 'translation' })).toThrow(/parameter "task"/);
  const absent = hardExampleMiner('BertRouter', { model: folder, tokenizer: join(folder, 'none.json') });
  await expect(absent('easy')).rejects.toThrow(/none\.json: is no tokenizer: .*no such file/);
});
