/** Horizontal scaling by the node itself, as autoscaling/v2 does it: targets per replica, a tolerance, slow to go down. Pure. */
import { maxReplicas, type Autoscaling } from '../../../crds/lib/kubernetes.ts';
import { failure } from '../../lib/failure.ts';
import { ScalingBehavior } from './scaling-behavior.ts';

/** A replica's fair share of what is measured: CPUs, or requests in flight. */
export interface Target {
  metric: 'cpu' | 'requests_in_flight';
  perReplica: number;
}

/** Over all replicas at one moment. */
export interface Sample {
  /** Milliseconds of a monotonic clock. */
  at: number;
  replicas: number;
  /** CPUs in use. */
  cpu: number;
  inFlight: number;
}

const defaultTolerance = 0.1;
/** Decisions rest on the mean over so long. */
export const averagedMs = 15_000;
/** As the Kubernetes API server fills in. */
const defaultUtilization = 80;

/** `cpuRequest`: CPUs that the template asks for, of which a utilization is a part. Throws InvalidSpec that names the field. */
export function targetsOf({ metrics }: Autoscaling, cpuRequest: number, path: string): Target[] {
  if (metrics === undefined || metrics.length === 0) {
    return [{ metric: 'cpu', perReplica: (cpuRequest * defaultUtilization) / 100 }];
  }
  return metrics.map((metric, i) => targetOf(metric, cpuRequest, `${path}.metrics[${i}]`));
}

type Loose = Record<string, unknown> | undefined;

function targetOf(metric: Record<string, unknown>, cpuRequest: number, path: string): Target {
  const resource = metric['resource'] as Loose;
  const pods = metric['pods'] as Loose;
  const podMetric = (pods?.['metric'] as Loose)?.['name'];
  if (metric['type'] === 'Resource' && resource?.['name'] === 'cpu') {
    const target = resource['target'] as Loose;
    const utilization = target?.['averageUtilization'];
    if (utilization !== undefined) {
      return { metric: 'cpu', perReplica: (cpuRequest * positive(utilization, `${path}.resource.target`)) / 100 };
    }
    return { metric: 'cpu', perReplica: positive(target?.['averageValue'], `${path}.resource.target`) };
  }
  if (metric['type'] === 'Pods' && podMetric === 'requests_in_flight') {
    const target = pods?.['target'] as Loose;
    return { metric: 'requests_in_flight', perReplica: positive(target?.['averageValue'], `${path}.pods.target`) };
  }
  const name = [resource?.['name'], podMetric, metric['type']].find((value) => typeof value === 'string') ?? 'nothing';
  throw failure(
    'InvalidSpec',
    `${path}: the process runtime does not scale by ${name}; it knows Resource cpu and Pods requests_in_flight`,
  );
}

/** A Kubernetes quantity of the sizes that occur here: `500m`, `2`, `1.5`, `1k`. */
export function quantity(value: unknown): number {
  if (typeof value === 'number') return value;
  const [, digits = '', unit = ''] = /^([0-9]+(?:\.[0-9]+)?)(m|k)?$/.exec(String(value)) ?? [];
  return digits === '' ? Number.NaN : Number(digits) * (unit === 'm' ? 0.001 : unit === 'k' ? 1000 : 1);
}

function positive(value: unknown, path: string): number {
  const number = quantity(value);
  if (number > 0) return number;
  throw failure('InvalidSpec', `${path}: averageValue (or, for cpu, averageUtilization) must be a number above zero`);
}

export class Autoscaler {
  readonly #spec: Autoscaling;
  readonly #targets: Target[];
  readonly #samples: Sample[] = [];
  readonly #behavior: ScalingBehavior;
  #wanted: number;

  /** `replicas`: what runs now, from which it goes on. */
  constructor(spec: Autoscaling, targets: Target[], replicas: number) {
    this.#spec = spec;
    this.#targets = targets;
    this.#behavior = new ScalingBehavior(spec);
    this.#wanted = this.#within(replicas);
  }

  get wanted(): number {
    return this.#wanted;
  }

  add(sample: Sample): number {
    this.#samples.push(sample);
    while ((this.#samples[0]?.at ?? sample.at) < sample.at - averagedMs) this.#samples.shift();
    if (sample.replicas === 0) return this.#wanted;
    const wish = this.#within(Math.max(...this.#targets.map((target) => this.#wish(target, sample.replicas))));
    const known = sample.at - (this.#samples[0]?.at ?? sample.at) >= averagedMs / 2;
    if (known) this.#wanted = this.#behavior.decide({ at: sample.at, replicas: wish }, this.#wanted);
    return this.#wanted;
  }

  #wish({ metric, perReplica }: Target, replicas: number): number {
    const values = this.#samples.map((sample) => (metric === 'cpu' ? sample.cpu : sample.inFlight));
    const total = values.reduce((sum, value) => sum + value, 0) / values.length;
    const ratio = total / replicas / perReplica;
    return Math.abs(ratio - 1) <= this.#tolerance(ratio) ? replicas : Math.ceil(total / perReplica);
  }

  #tolerance(ratio: number): number {
    const { scaleUp, scaleDown } = this.#spec.behavior ?? {};
    return quantity((ratio > 1 ? scaleUp : scaleDown)?.tolerance ?? defaultTolerance);
  }

  /** At least one: without a replica nothing can be measured that would bring one back. */
  #within(replicas: number): number {
    const least = Math.max(1, this.#spec.minReplicas ?? 1);
    return Math.min(maxReplicas, this.#spec.maxReplicas, Math.max(least, replicas));
  }
}
