/** A metric over the rounds, as a picture (SVG) and as a table (CSV). Pure. */
import type { SimulatedRound } from './rounds.ts';

const [width, height, margin] = [640, 360, { left: 64, right: 24, top: 40, bottom: 48 }];
const steps = 5;

export interface Curve {
  title: string;
  metric: string;
  points: { round: number; value: number }[];
}

/** Undefined: fewer than two rounds have the metric. */
export function svgOf({ title, metric, points }: Curve): string | undefined {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || points.length < 2) return undefined;
  const values = points.map(({ value }) => value);
  const [low, high] = range(Math.min(...values), Math.max(...values));
  const x = (round: number): number =>
    margin.left + ((round - first.round) / (last.round - first.round)) * (width - margin.left - margin.right);
  const y = (value: number): number =>
    height - margin.bottom - ((value - low) / (high - low)) * (height - margin.top - margin.bottom);
  const path = points
    .map(({ round, value }, i) => `${i === 0 ? 'M' : 'L'}${fixed(x(round))} ${fixed(y(value))}`)
    .join(' ');
  const grid = Array.from({ length: steps + 1 }, (_, i) => low + ((high - low) * i) / steps).map(
    (value) =>
      `<line x1="${margin.left}" x2="${width - margin.right}" y1="${fixed(y(value))}" y2="${fixed(y(value))}" stroke="#ddd"/>` +
      `<text x="${margin.left - 8}" y="${fixed(y(value) + 4)}" text-anchor="end">${short(value)}</text>`,
  );
  const every = Math.ceil(points.length / 12);
  const ticks = points
    .filter((_, i) => i % every === 0)
    .map(
      ({ round }) =>
        `<text x="${fixed(x(round))}" y="${height - margin.bottom + 18}" text-anchor="middle">${round}</text>`,
    );
  const dots = points.map(
    ({ round, value }) =>
      `<circle cx="${fixed(x(round))}" cy="${fixed(y(value))}" r="3"><title>round ${round}: ${short(value)}</title></circle>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${margin.left}" y="22" font-size="15">${escaped(title)}</text>`,
    ...grid,
    ...ticks,
    `<text x="${(width + margin.left - margin.right) / 2}" y="${height - 10}" text-anchor="middle">round</text>`,
    `<text transform="translate(16 ${height / 2}) rotate(-90)" text-anchor="middle">${escaped(metric)}</text>`,
    `<path d="${path}" fill="none" stroke="#1769aa" stroke-width="2"/>`,
    `<g fill="#1769aa">${dots.join('')}</g>`,
    '</svg>',
    '',
  ].join('\n');
}

/** One line per round; a metric that a round does not have is empty. */
export function csvOf(rounds: SimulatedRound[]): string {
  const names = [...new Set(rounds.flatMap(({ metrics }) => Object.keys(metrics)))].sort();
  const head = ['round', 'clients', 'refused', 'samples', ...names, 'seconds', 'digest'];
  const lines = rounds.map(({ round, clients, refused, samples, metrics, seconds, digest }) =>
    [round, clients, refused, samples, ...names.map((name) => metrics[name] ?? ''), seconds.toFixed(3), digest].join(
      ',',
    ),
  );
  return `${[head.map(quoted).join(','), ...lines].join('\n')}\n`;
}

/** Names of metrics are the user's. */
function quoted(name: string): string {
  return /[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

function range(low: number, high: number): [number, number] {
  const pad = low === high ? Math.max(Math.abs(low) * 0.1, 0.1) : (high - low) * 0.05;
  return [low - pad, high + pad];
}

function fixed(value: number): string {
  return value.toFixed(1);
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign] ?? sign);
}
