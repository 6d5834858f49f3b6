/** How accuracy and traffic depend on the threshold of the hard-example filter. Pure. */
import { hardExampleMiner } from '../../../sdk/index.ts';

export interface Judged {
  label: number;
  /** Class probabilities. */
  little: readonly number[];
  big: readonly number[];
}

export interface Point {
  threshold: number;
  /** Share of samples that went to the big model, 0..1. */
  uploadRatio: number;
  /** Share of right answers, 0..1. */
  accuracy: number;
}

const classOf = (scores: readonly number[]): number => scores.indexOf(Math.max(...scores));
const share = (samples: readonly Judged[], holds: (sample: Judged) => boolean): number =>
  samples.filter(holds).length / samples.length;

export const accuracyOf = (samples: readonly Judged[], which: 'little' | 'big'): number =>
  share(samples, (sample) => classOf(sample[which]) === sample.label);

export function tradeOff(samples: readonly Judged[], thresholds: readonly number[]): Point[] {
  return thresholds.map((threshold) => {
    const isHard = hardExampleMiner('CrossEntropy', { threshold_cross_entropy: threshold });
    const hard = new Set(samples.filter(({ little }) => isHard(little) === true));
    const accuracy = share(
      samples,
      (sample) => classOf(hard.has(sample) ? sample.big : sample.little) === sample.label,
    );
    return { threshold, uploadRatio: hard.size / samples.length, accuracy };
  });
}

/** Lines of a plot: upload ratio to the right, accuracy upwards, one mark a threshold. */
export function plot(points: readonly Point[], { width = 60, height = 12 } = {}): string[] {
  const accuracies = points.map(({ accuracy }) => accuracy);
  const [low, high] = [Math.min(...accuracies), Math.max(...accuracies)];
  const grid = Array.from({ length: height }, () => Array<string>(width).fill(' '));
  for (const { uploadRatio, accuracy } of points) {
    const row = high === low ? 0 : Math.round(((high - accuracy) / (high - low)) * (height - 1));
    const cells = grid[row] ?? [];
    cells[Math.round(uploadRatio * (width - 1))] = '●';
  }
  const percent = (value: number): string => `${(value * 100).toFixed(1)} %`.padStart(7);
  const edges: Record<number, string> = { 0: percent(high), [height - 1]: percent(low) };
  return [
    'accuracy',
    ...grid.map((cells, i) => `${edges[i] ?? ' '.repeat(7)} │${cells.join('').trimEnd()}`),
    `${' '.repeat(8)}└${'─'.repeat(width)}`,
    `${' '.repeat(9)}0 %${centred('samples that go to the cloud', width - 8)}100 %`,
  ];
}

const centred = (text: string, width: number): string =>
  text.padStart(Math.floor((width + text.length) / 2)).padEnd(width);
