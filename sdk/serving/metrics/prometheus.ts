/** The text of `/metrics`: names and units of Triton's `nv_inference_*` and of KServe's `request_*_seconds`. */
import { BUCKETS, type Histogram } from './histogram.ts';
import type { ModelStatistics, Statistics } from './model-statistics.ts';

type Sample = [labels: Record<string, string>, value: number, suffix?: string];

interface Family {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  samples: Sample[];
}

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** @param ready by model. */
export function prometheusText(statistics: Statistics, ready: ReadonlyMap<string, boolean>): string {
  const all = statistics.list();
  const families = [...counters(all), ...gauges(statistics.pending, ready), ...histograms(all)];
  return `${families.map(familyText).join('\n')}\n`;
}

function counters(all: ModelStatistics[]): Family[] {
  const family = (name: string, help: string, value: (one: ModelStatistics) => number): Family => ({
    name: `nv_inference_${name}`,
    type: 'counter',
    help,
    samples: all.map((one) => [labelsOf(one), value(one)]),
  });
  return [
    family('request_success', 'Requests that were answered', ({ success }) => success.count),
    {
      name: 'nv_inference_request_failure',
      type: 'counter',
      help: 'Requests that failed, by reason',
      samples: all.flatMap((one) =>
        (['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const).map((reason): Sample => {
          return [{ ...labelsOf(one), reason }, one.failures.get(reason) ?? 0];
        }),
      ),
    },
    family('count', 'Rows that were answered', ({ inferences }) => inferences),
    family('exec_count', 'Runs of the model, batches count once', ({ executions }) => executions),
    family('request_duration_us', 'Time of requests from arrival to answer', ({ success }) => success.us),
    family('queue_duration_us', 'Time that requests waited for the model', ({ queue }) => queue.us),
    family('compute_input_duration_us', 'Time for reading inputs', ({ computeInput }) => computeInput.us),
    family('compute_infer_duration_us', 'Time in the model', ({ computeInfer }) => computeInfer.us),
    family('compute_output_duration_us', 'Time for writing outputs', ({ computeOutput }) => computeOutput.us),
  ];
}

function gauges(pending: ReadonlyMap<string, number>, ready: ReadonlyMap<string, boolean>): Family[] {
  return [
    {
      name: 'nv_inference_pending_request_count',
      type: 'gauge',
      help: 'Requests under way, waiting ones included',
      samples: [...pending].map(([model, count]): Sample => [{ model }, count]),
    },
    {
      name: 'sedna_model_ready',
      type: 'gauge',
      help: 'Whether the model answers',
      samples: [...ready].map(([model, is]): Sample => [{ model }, Number(is)]),
    },
  ];
}

function histograms(all: ModelStatistics[]): Family[] {
  const family = (phase: string, of: (one: ModelStatistics) => Histogram): Family => ({
    name: `request_${phase}_seconds`,
    type: 'histogram',
    help: `${phase} request latency`,
    samples: all.flatMap((one) => histogramSamples({ model_name: one.model, version: one.version }, of(one))),
  });
  return [
    family('preprocess', ({ preprocess }) => preprocess),
    family('predict', ({ predict }) => predict),
    family('postprocess', ({ postprocess }) => postprocess),
  ];
}

function histogramSamples(labels: Record<string, string>, { counts, sum }: Histogram): Sample[] {
  let total = 0;
  const buckets = Array.from(counts, (count, i): Sample => {
    total += count;
    const bound = BUCKETS[i];
    return [{ ...labels, le: bound === undefined ? '+Inf' : String(bound) }, total, '_bucket'];
  });
  return [...buckets, [labels, sum, '_sum'], [labels, total, '_count']];
}

const labelsOf = ({ model, version }: ModelStatistics): Record<string, string> => ({ model, version });

function familyText({ name, type, help, samples }: Family): string {
  const lines = samples.map(([labels, value, suffix = '']) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
    return `${name}${suffix}{${pairs.join(',')}} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join('\n');
}

const escape = (text: string): string => text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
