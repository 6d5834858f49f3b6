/** Child process: global weights as the text of a `recv_weight` frame. */
import { open, type FileHandle } from 'node:fs/promises';
import { answerEach } from '../../../../activities/edge/children/lib.ts';
import { matchesAny } from '../../../../sdk/estimators/onnx/globs.ts';
import { TensorFile } from '../../../../sdk/tensors/index.ts';
import { surelyExceeds, writeTensor } from '../reply-text.ts';

export interface WriteReplyInput {
  /** Text before and after the list of layers. */
  head: string;
  tail: string;
  weights: string;
  /** The trainer's own update: layers that stay with it are taken from there. */
  own?: string;
  excludeLayers: string[];
  out: string;
  replyBytes: number;
}

/** `false`: it would be larger than `replyBytes`. */
export type WriteReplyOutput = boolean;

answerEach(async (input: WriteReplyInput): Promise<WriteReplyOutput> => {
  const global = await TensorFile.open(input.weights);
  const own = input.own === undefined ? undefined : await TensorFile.open(input.own);
  const handle = await open(input.out, 'w');
  try {
    return await write(input, { global, own, handle });
  } finally {
    await Promise.all([global.close(), own?.close(), handle.close()]);
  }
});

interface Files {
  global: TensorFile;
  own: TensorFile | undefined;
  handle: FileHandle;
}

async function write(input: WriteReplyInput, { global, own, handle }: Files): Promise<boolean> {
  const { head, tail, excludeLayers, replyBytes } = input;
  let left = replyBytes - Buffer.byteLength(head) - Buffer.byteLength(tail);
  const layers = layersOf({ global, own, excludeLayers });
  const elements = layers.reduce((sum, { file, name }) => sum + file.entry(name).elements, 0);
  if (surelyExceeds(elements, left)) return false;
  await handle.write(head);
  for (const [i, { file, name }] of layers.entries()) {
    const parts: string[] = i === 0 ? [] : [','];
    left -= parts.length;
    const isRoom = await writeTensor(file, file.entry(name), (text) => {
      parts.push(text);
      return (left -= text.length) >= 0;
    });
    if (!isRoom) return false;
    await handle.write(parts.join(''));
  }
  await handle.write(tail);
  return true;
}

/** In the order of their names, which is that of the trainer. */
function layersOf({ global, own, excludeLayers }: Omit<Files, 'handle'> & { excludeLayers: string[] }) {
  const stays = (name: string): boolean => own?.has(name) === true && matchesAny(name, excludeLayers);
  const shared = global.entries.filter(({ name }) => !stays(name)).map(({ name }) => ({ file: global, name }));
  const kept = (own?.entries ?? []).flatMap(({ name }) => (own && stays(name) ? [{ file: own, name }] : []));
  return [...shared, ...kept].sort((a, b) => (a.name < b.name ? -1 : 1));
}
