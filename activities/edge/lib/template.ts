/** From a PodTemplateSpec in a manifest to what a runtime starts. Judged here, by the node that uses it, not at admission. */
import { z } from 'zod';
import type { WorkerSpec } from '../../contracts.ts';
import type { BlobStore } from '../../../sdk/storage/index.ts';
import { failure } from '../../lib/failure.ts';
import type { WorkerLaunch } from '../runtime.ts';
import { isReadyMade } from './ready-made.ts';
import { servingPorts } from './serving-ports.ts';

const maxManifestBytes = 8 << 20;

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const container = z.looseObject({
  image: z.string().min(1),
  command: z.array(scalar).optional(),
  args: z.array(scalar).optional(),
  env: z
    .array(z.looseObject({ name: z.string().min(1), value: scalar.nullish(), valueFrom: z.unknown().optional() }))
    .optional(),
  ports: z
    .array(z.looseObject({ containerPort: z.number().int().min(1).max(65535), name: z.string().optional() }))
    .optional(),
  readinessProbe: z
    .looseObject({
      httpGet: z.looseObject({ path: z.string().default('/'), port: z.union([z.string(), z.number()]) }).optional(),
    })
    .optional(),
});

const podTemplate = z.looseObject({ spec: z.looseObject({ containers: z.array(container).min(1) }) });

export type Container = z.output<typeof container>;

/** Reads the worker's template from the manifest blob. `contract` = values of section 3.4, complete. */
export async function readLaunch(
  blobs: BlobStore,
  worker: WorkerSpec,
  contract: Record<string, string>,
): Promise<WorkerLaunch> {
  const first = await readContainer(blobs, worker);
  const serves = worker.serving !== undefined || (worker.stage === 'Inference' && isReadyMade(first.image));
  return {
    name: worker.name,
    owner: worker.owner,
    stage: worker.stage,
    image: first.image,
    ...(first.command === undefined ? {} : { command: first.command }),
    args: first.args ?? [],
    env: environment(first, worker.template),
    contract,
    ...withProbedPort(reached(first, serves, worker.serving), worker.template),
    restart: worker.stage === 'Inference' || worker.serving !== undefined ? 'Always' : 'Never',
    revision: worker.revision ?? '',
  };
}

/** Where it listens, how it is known to be ready, and who gives it requests. */
function reached(
  first: Container,
  serves: boolean,
  { front, always = false, portVariables = [] }: Partial<NonNullable<WorkerSpec['serving']>> = {},
): Pick<WorkerLaunch, 'ports' | 'readiness' | 'front' | 'portVariables'> {
  const probe = first.readinessProbe?.httpGet;
  if (!serves) return { ports: portsOf(first), ...(probe === undefined ? {} : { readiness: probe }) };
  const { ports, http, readiness } = servingPorts(first, always);
  if (http === undefined) return { ports, ...(probe === undefined ? {} : { readiness: probe }) };
  const variables = ['SEDNA_SERVE_PORT', ...portVariables];
  return {
    ports,
    readiness: probe ?? readiness ?? { port: http },
    ...(front === undefined ? {} : { front }),
    portVariables: Object.fromEntries(variables.map((variable) => [variable, http])),
  };
}

/** A name must be one of the template; a number is taken as it is. */
function withProbedPort<R extends Pick<WorkerLaunch, 'ports' | 'readiness'>>(given: R, path: string): R {
  const port = given.readiness?.port;
  const names = given.ports.map(({ name }) => name);
  if (port === undefined || Number.isInteger(Number(port)) || names.includes(String(port))) return given;
  throw failure(
    'InvalidTemplate',
    `${path}.spec.containers[0].readinessProbe.httpGet.port: ${port} is no port of this container (${names.join(', ') || 'it has none'}); name one of them, or give its number`,
  );
}

/** The one container of a template in a manifest blob. */
export async function readContainer(
  blobs: BlobStore,
  { manifest: blob, template }: Pick<WorkerSpec, 'manifest' | 'template'>,
): Promise<Container> {
  const manifest: unknown = JSON.parse((await blobs.read(blob, { maxBytes: maxManifestBytes })).toString('utf8'));
  return parseTemplate(select(manifest, template), template);
}

export function portsOf({ ports = [] }: Container): WorkerLaunch['ports'] {
  return ports.map(({ name, containerPort }) => ({ name: name ?? String(containerPort), containerPort }));
}

function parseTemplate(template: unknown, path: string): Container {
  const parsed = podTemplate.safeParse(template);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw failure(
      'InvalidTemplate',
      `${[path, ...(issue?.path ?? [])].join('.')}: ${issue?.message ?? 'not a pod template'}`,
    );
  }
  const { containers } = parsed.data.spec;
  const [first] = containers;
  if (first === undefined || containers.length > 1) {
    throw failure(
      'InvalidTemplate',
      `${path}.spec.containers: the process runtime runs exactly one container, found ${containers.length}`,
    );
  }
  return first;
}

function environment({ env = [] }: Container, path: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { name, value, valueFrom } of env) {
    if (valueFrom !== undefined && valueFrom !== null) {
      throw failure(
        'InvalidTemplate',
        `${path}.spec.containers[0].env: ${name} uses valueFrom, which the process runtime does not have; give a value`,
      );
    }
    values[name] = value ?? '';
  }
  return values;
}

/** `spec.trainingWorkers[0].template` */
function select(value: unknown, path: string): unknown {
  let found = value;
  for (const key of path.replace(/\[(\d+)\]/g, '.$1').split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}
