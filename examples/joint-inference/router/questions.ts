/** Questions about sums, and the two programs that answer them: they stand for a small and a large language model. */
import { Random } from '../../../sdk/estimators/onnx/index.ts';

const phrases = [
  (sum: string) => `what is ${sum}`,
  (sum: string) => `how much is ${sum}`,
  (sum: string) => `tell me what ${sum} makes`,
  (sum: string) => `please work out ${sum}`,
];
const operators = ['plus', 'minus', 'times'];

export const words = 'what is how much tell me makes please work out plus minus times'.split(' ');

/** Half of them are sums of two digits; the others have more digits, more terms or other operators. */
export function questions(count: number, seed: number): string[] {
  const random = new Random(seed);
  const draw = (below: number): number => Math.floor(random.uniform() * below);
  const pick = <T>(items: readonly T[]): T => items[draw(items.length)] as T;
  return Array.from({ length: count }, () => {
    if (draw(2) === 0) return pick(phrases)(`${draw(10)} plus ${draw(10)}`);
    const terms = Array.from({ length: 1 + draw(2) }, () => `${pick(operators)} ${draw(1000)}`);
    return pick(phrases)(`${draw(100)} ${terms.join(' ')}`);
  });
}

/** Knows the sum of two digits, and says so when it does not know. */
export function littleAnswer(question: string): string {
  const [, a, b] = /(?:^|\s)(\d) plus (\d)(?!\d| plus| minus| times)/.exec(question) ?? [];
  return a === undefined || b === undefined ? 'I do not know' : String(Number(a) + Number(b));
}

/** Works out any of these questions, from left to right; `undefined` for one that is none of them. */
export function bigAnswer(question: string): string | undefined {
  const tokens = question.match(/\d+|plus|minus|times/g) ?? [];
  if (tokens.length % 2 === 0 || !tokens.every((token, i) => /^\d+$/.test(token) === (i % 2 === 0))) return undefined;
  let value = Number(tokens[0]);
  for (let i = 1; i < tokens.length; i += 2) value = apply(value, tokens[i] ?? '', Number(tokens[i + 1]));
  return String(value);
}

function apply(value: number, operator: string, operand: number): number {
  if (operator === 'plus') return value + operand;
  return operator === 'minus' ? value - operand : value * operand;
}
