import { expect, test } from '@jest/globals';
import { Statistics } from '../../../../sdk/serving/metrics/model-statistics.ts';
import { prometheusText } from '../../../../sdk/serving/metrics/prometheus.ts';

const timing = { totalUs: 1_000, queueUs: 100, inputUs: 200, inferUs: 300, outputUs: 400, batch: 3, executions: 1 };

test('counters, failures by reason, histograms of phases, readiness', () => {
  const statistics = new Statistics();
  statistics.begin('m');
  const m = statistics.of('m', '1');
  m.succeeded(timing, 2);
  m.succeeded({ ...timing, executions: 0 }, 1);
  m.failed('REJECTED', 50);
  const lines = prometheusText(statistics, new Map([['m', true]])).split('\n');
  for (const line of [
    '# TYPE nv_inference_request_success counter',
    'nv_inference_request_success{model="m",version="1"} 2',
    'nv_inference_request_failure{model="m",version="1",reason="REJECTED"} 1',
    'nv_inference_request_failure{model="m",version="1",reason="BACKEND"} 0',
    'nv_inference_count{model="m",version="1"} 3',
    'nv_inference_exec_count{model="m",version="1"} 1',
    'nv_inference_request_duration_us{model="m",version="1"} 2000',
    'nv_inference_queue_duration_us{model="m",version="1"} 200',
    'nv_inference_compute_input_duration_us{model="m",version="1"} 400',
    'nv_inference_compute_infer_duration_us{model="m",version="1"} 600',
    'nv_inference_compute_output_duration_us{model="m",version="1"} 800',
    'nv_inference_pending_request_count{model="m"} 1',
    'sedna_model_ready{model="m"} 1',
    '# TYPE request_predict_seconds histogram',
    'request_predict_seconds_bucket{model_name="m",version="1",le="0.00025"} 0',
    'request_predict_seconds_bucket{model_name="m",version="1",le="0.0005"} 2',
    'request_predict_seconds_bucket{model_name="m",version="1",le="+Inf"} 2',
    'request_predict_seconds_count{model_name="m",version="1"} 2',
    'request_preprocess_seconds_sum{model_name="m",version="1"} 0.0004',
  ]) {
    expect(lines).toContain(line);
  }
});

test('every line is a comment or a sample; names with quotes are escaped', () => {
  const statistics = new Statistics();
  statistics.of('a"b\\c\nd', '1').succeeded(timing, 1);
  const lines = prometheusText(statistics, new Map()).trimEnd().split('\n');
  for (const line of lines) expect(line).toMatch(/^(# (HELP|TYPE) |[a-z_]+\{.*\} [0-9.e+-]+$)/);
  expect(lines.some((line) => line.includes('model="a\\"b\\\\c\\nd"'))).toBe(true);
});

test('only the last versions are kept', () => {
  const statistics = new Statistics();
  for (let version = 1; version <= 100; version++) statistics.of('m', String(version)).succeeded(timing, 1);
  expect(statistics.list('m')).toHaveLength(32);
  expect(statistics.list('m').at(-1)?.version).toBe('100');
});
