/** Where a replica of a worker set listens, and how it is known to be ready. Pure. */
import type { WorkerLaunch } from '../runtime.ts';
import { isReadyMade, readyMadePorts, readyMadeProbe } from './ready-made.ts';
import { portsOf, type Container } from './template.ts';

export interface ServingPorts {
  ports: WorkerLaunch['ports'];
  /** Name of the port that speaks HTTP; absent: it listens nowhere. */
  http?: string;
  /** Where the template has no probe of its own: otherwise a replica would get requests before it can take them. */
  readiness?: NonNullable<WorkerLaunch['readiness']>;
}

const assumed = [{ name: 'http', containerPort: 5000 }];

/** `always`: it listens even where its template names no port. */
export function servingPorts(container: Container, always: boolean): ServingPorts {
  const own = portsOf(container);
  const ready = isReadyMade(container.image);
  const ports = own.length > 0 ? own : ready ? readyMadePorts : always ? assumed : [];
  const http = ports.find(({ name }) => name.startsWith('http')) ?? ports.find(({ name }) => !name.startsWith('grpc'));
  if (http === undefined) return { ports };
  return { ports, http: http.name, readiness: { port: http.name, ...(ready ? { path: readyMadeProbe } : {}) } };
}
