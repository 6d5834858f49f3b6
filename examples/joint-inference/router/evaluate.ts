/** `node evaluate.ts [DIR]`: right answers, and questions that go to the cloud, for a range of thresholds of the router. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { hardExampleMiner } from '../../../sdk/index.ts';
import { bigAnswer, littleAnswer, questions } from './questions.ts';

export interface Routed {
  threshold: number;
  uploadRatio: number;
  accuracy: number;
}

export const testQuestions = (): string[] => questions(500, 2);

/** Threshold 0: all stay at the edge; 1: none does. */
export async function route(directory: string, thresholds: readonly number[]): Promise<Routed[]> {
  const texts = testQuestions();
  const routed: Routed[] = [];
  for (const threshold of thresholds) {
    const isHard = hardExampleMiner('BertRouter', { model: join(directory, 'router.onnx'), threshold });
    const hard = await Promise.all(texts.map(async (text) => isHard(text)));
    const right = texts.filter((text, i) => (hard[i] ? bigAnswer(text) : littleAnswer(text)) === bigAnswer(text));
    routed.push({
      threshold,
      uploadRatio: hard.filter(Boolean).length / texts.length,
      accuracy: right.length / texts.length,
    });
  }
  return routed;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  console.log('threshold   to the cloud      right');
  for (const { threshold, uploadRatio, accuracy } of await route(
    process.argv[2] ?? '/tmp/sedna-router',
    [0, 0.01, 0.1, 0.5, 0.9, 0.99, 1],
  )) {
    console.log(
      `${String(threshold).padStart(9)} ${percent(uploadRatio).padStart(14)} ${percent(accuracy).padStart(10)}`,
    );
  }
}
