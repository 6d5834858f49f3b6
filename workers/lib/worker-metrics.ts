/** What a node's workers do, as Prometheus gauges that are read when somebody asks. */
import { Gauge, type Registry } from 'prom-client';
import type { WorkerView } from '../../activities/edge/runtime.ts';

const labels = ['worker', 'stage', 'namespace', 'job'] as const;

export function registerWorkerMetrics(registry: Registry, list: () => WorkerView[]): void {
  const gauge = (name: string, help: string, value: (worker: WorkerView) => number | undefined): void => {
    new Gauge({
      name,
      help,
      labelNames: labels,
      registers: [registry],
      collect() {
        this.reset();
        for (const worker of list()) {
          const found = value(worker);
          if (found === undefined) continue;
          const { namespace, name: job } = worker.owner;
          this.set({ worker: worker.name, stage: worker.stage, namespace, job }, found);
        }
      },
    });
  };
  const running = (worker: WorkerView): boolean => worker.state !== 'exited';
  gauge('sedna_worker_running', '1 while the process runs', (worker) => (running(worker) ? 1 : 0));
  gauge('sedna_worker_ready', '1 while its readiness probe succeeds', (worker) => (worker.ready ? 1 : 0));
  gauge('sedna_worker_restarts', 'Restarts after it ended by itself', (worker) => worker.restarts);
  gauge('sedna_worker_exit_code', 'Exit code of an ended worker', (worker) => worker.exit?.code);
  gauge('sedna_worker_step', 'Step of a training', (worker) => (running(worker) ? worker.progress?.step : undefined));
  gauge('sedna_worker_loss', 'Loss that a training last reported', (worker) =>
    running(worker) ? worker.progress?.metrics?.['loss'] : undefined,
  );
  gauge('sedna_inference_requests', 'Inferences since the worker started', (worker) =>
    counter(worker, 'inferenceNumber'),
  );
  gauge('sedna_inference_hard_examples', 'Hard examples among them', (worker) => counter(worker, 'hardExampleNumber'));
}

/** As workers report them (section 4.8 of the control-plane reference). */
function counter({ reports }: WorkerView, name: string): number | undefined {
  const value = reports['inference']?.report.ownerInfo?.[name];
  return typeof value === 'number' ? value : undefined;
}
