/** Weights as the nested lists of Sedna's messages. */
import { withTensors, type TensorEntry, type TensorFile } from '../../../sdk/tensors/index.ts';
import type { Problem } from '../../../workflows/lib/failures.ts';
import { shortest } from './f32.ts';

/** Of one number with its comma: `-1.17549435e-38,` and `0.0,`. */
const longestNumber = 16;
const shortestNumber = 4;
const mostEmptyLists = 1_000_000;

/** The shortest decimal that reads back as the same float32. */
const asFloat32 = (value: number): string => shortest(Math.fround(value));

/** Appends the lists of one tensor. `write` says whether there is room for more; without, it stops. */
export async function writeTensor(
  file: TensorFile,
  { name, shape, elements }: TensorEntry,
  write: (text: string) => boolean,
  number: (value: number) => string = asFloat32,
): Promise<boolean> {
  const values = await file.floats(name);
  const rank = shape.length;
  if (rank === 0) return write(number(values[0] as number));
  if (elements === 0) return countLists(shape) <= mostEmptyLists && write(emptyLists(shape));
  const row = shape[rank - 1] as number;
  // How many elements a list holds, by depth: where one ends, its bracket closes.
  const sizes = shape.map((_, dimension) => shape.slice(dimension).reduce((product, size) => product * size, 1));
  for (let start = 0; start < elements; start += row) {
    const opening = sizes.filter((size) => start % size === 0).length;
    const closing = sizes.filter((size) => (start + row) % size === 0).length;
    const numbers = Array.from(values.subarray(start, start + row), number);
    const comma = start === 0 ? '' : ',';
    if (!write(comma + '['.repeat(opening) + numbers.join(',') + ']'.repeat(closing))) return false;
  }
  return true;
}

/** Lists of a tensor without elements, which has nothing else to be measured by. */
const countLists = (shape: readonly number[]): number =>
  shape.slice(0, shape.indexOf(0)).reduce((product, size) => product * size, 1);

function emptyLists([size = 0, ...rest]: readonly number[]): string {
  if (rest.length === 0) return '[]';
  return `[${Array.from({ length: size }, () => emptyLists(rest)).join(',')}]`;
}

/** Whether the numbers alone are more than so many bytes; so many of them are never read. */
export function surelyExceeds(elements: number, bytes: number): boolean {
  return elements * shortestNumber > bytes;
}

/** Every number may have all brackets of its tensor around it. */
function mostBytes(entries: readonly TensorEntry[]): number {
  return entries.reduce((sum, { elements, shape }) => sum + elements * (longestNumber + 2 * shape.length), 0);
}

/** Whether the tensors of a file, written as a reply, are more than so many bytes. */
export async function exceedsReply(path: string, bytes: number): Promise<boolean> {
  return withTensors(path, async (file) => {
    if (surelyExceeds(file.elements, bytes)) return true;
    if (file.entries.every(({ elements }) => elements > 0) && mostBytes(file.entries) <= bytes) return false;
    let left = bytes;
    const count = (text: string): boolean => (left -= text.length) >= 0;
    for (const entry of file.entries) if (!(await writeTensor(file, entry, count))) return true;
    return false;
  });
}

/** What is said of a model that a trainer of the original library could not be sent. */
export function tooLarge(bytes: number): Problem {
  const message = `the next model would be more than the ${bytes} bytes that a trainer of the original library receives; make it smaller, or train with the SDK`;
  return { reason: 'ReplyTooLarge', message };
}
