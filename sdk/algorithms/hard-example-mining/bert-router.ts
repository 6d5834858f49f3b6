import type { TextClassifier } from '../../estimators/onnx/text-classifier.ts';
import { numericParameter } from './miner.ts';
import type { HardExampleMinerFactory } from './miner.ts';

/**
 * Text: a binary classifier says whether the little model is good enough. s = P(LABEL_0) / (P(LABEL_0) + P(LABEL_1)) of the text, or
 * of the first one of a list; hard when s is below `threshold` (default 0.5). `model` is an ONNX text classifier, or a folder with
 * `model.onnx`; `tokenizer` its `tokenizer.json` (default: beside the model); `max_length` the tokens it is given at most (default
 * 512). The classifier is loaded by the first question. Anything but text is not hard.
 */
export const bertRouter: HardExampleMinerFactory = (parameters = {}) => {
  const limit = numericParameter(parameters, 'threshold', 0.5);
  const maxLength = numericParameter(parameters, 'max_length', 512);
  const model = textParameter(parameters, 'model');
  if (model === undefined) {
    throw new Error('hard example mining parameter "model": must be the file of an ONNX text classifier');
  }
  const task = textParameter(parameters, 'task');
  if (task !== undefined && task !== 'text-classification') {
    throw new Error(`hard example mining parameter "task": only text-classification is known, not ${task}`);
  }
  const tokenizer = textParameter(parameters, 'tokenizer');
  let opening: Promise<TextClassifier> | undefined;
  const classifier = (): Promise<TextClassifier> => {
    // ONNX Runtime is loaded only by those who use this algorithm.
    opening ??= import('../../estimators/onnx/text-classifier.ts').then(({ TextClassifier }) =>
      TextClassifier.open({ model, tokenizer, maxLength }),
    );
    // A file that is not there yet may come.
    opening.catch(() => (opening = undefined));
    return opening;
  };
  return async (input) => {
    const text = firstText(input);
    if (text === undefined) return false;
    const [first = 0, second = -Infinity] = await (await classifier()).logits(text);
    return 1 / (1 + Math.exp(second - first)) < limit;
  };
};

function firstText(input: unknown): string | undefined {
  const first = Array.isArray(input) ? (input as unknown[])[0] : input;
  return typeof first === 'string' ? first : undefined;
}

function textParameter(parameters: Record<string, unknown>, name: string): string | undefined {
  const value = parameters[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw new Error(`hard example mining parameter "${name}": must be text, not ${JSON.stringify(value)}`);
}
