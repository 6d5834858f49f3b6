/** Configuration of GM and LC: read from the environment once, at the top of a process. `docs/operations.md` lists all. */
import { delimiter, resolve } from 'node:path';

type Environment = Record<string, string | undefined>;

export interface GmConfig {
  port: number;
  host: string;
  blobUrl: string;
  /** Path of a kubeconfig, or `in-cluster`; absent: standalone. */
  kubeconfig?: string;
}

export interface LcConfig {
  node: string;
  role: 'cloud' | 'edge';
  port: number;
  host: string;
  blobUrl: string;
  stateDir: string;
  /** Allowlist files of the process runtime. */
  imageFiles: string[];
  labels: Record<string, string>;
  /** How many workers may compute at once. */
  slots: number;
  /** Host name or address under which other nodes reach the services of this one. */
  advertisedAddress: string;
  /** How long a replica behind a front may say nothing before it answers; absent: the front's default. */
  frontSilentSeconds?: number;
}

/** A process cannot start as it was told to. The command line prints it as message, hint and paragraph of `docs/errors.md`. */
export class ConfigError extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(message: string, options: { code?: string; hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'ConfigError';
    this.code = options.code ?? 'BadConfig';
    this.hint = options.hint ?? 'docs/operations.md lists the variables and options of each process';
  }
}

/** What `act` refuses becomes an error of the configuration that begins with `what`. */
export function configured<T>(what: string, act: () => T, options: { code?: string; hint?: string } = {}): T {
  try {
    return act();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${what}: ${message}`, { ...options, cause: error });
  }
}

export function readGmConfig(flags: { port?: string }, env: Environment): GmConfig {
  const kubeconfig = env['SEDNA_KUBECONFIG'];
  return {
    port: portOf(flags.port ?? env['SEDNA_PORT'] ?? '9000'),
    host: env['SEDNA_HOST'] ?? '127.0.0.1',
    blobUrl: required(
      env,
      'SEDNA_BLOB_URL',
      'where manifests and models are kept, for example file:///var/lib/sedna/blobs',
    ),
    ...(kubeconfig === undefined || kubeconfig === '' ? {} : { kubeconfig }),
  };
}

export function readLcConfig(
  flags: { node: string; role?: string; port?: string },
  env: Environment,
  cpus: number,
): LcConfig {
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(flags.node)) {
    throw new ConfigError(`--node ${flags.node} is not a node name: lower-case letters, digits, - and .`);
  }
  const role = roleOf(flags.role ?? env['SEDNA_ROLE'] ?? 'edge');
  return {
    node: flags.node,
    role,
    port: portOf(flags.port ?? env['SEDNA_PORT'] ?? '9100'),
    host: env['SEDNA_HOST'] ?? '127.0.0.1',
    blobUrl: required(env, 'SEDNA_BLOB_URL', 'where manifests and models are kept, the same for all nodes'),
    stateDir: resolve(env['SEDNA_STATE_DIR'] ?? '/var/lib/sedna'),
    imageFiles: (env['SEDNA_IMAGES'] ?? '').split(delimiter).filter((file) => file !== ''),
    labels: {
      'sedna.io/role': role,
      'kubernetes.io/hostname': flags.node,
      ...labelsOf(env['SEDNA_NODE_LABELS'] ?? ''),
    },
    advertisedAddress: hostOf(env['SEDNA_ADVERTISED_ADDRESS'] ?? '127.0.0.1'),
    slots: slotsOf(env['SEDNA_SLOTS'] ?? String(Math.max(1, cpus - 1))),
    ...silentOf(env['SEDNA_FRONT_SILENT_SECONDS']),
  };
}

function required(env: Environment, name: string, meaning: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw new ConfigError(`${name} is not set: ${meaning}`);
  return value;
}

function roleOf(text: string): LcConfig['role'] {
  if (text !== 'cloud' && text !== 'edge') throw new ConfigError(`--role ${text}: cloud or edge`);
  return text;
}

function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new ConfigError(`port ${text} is not a port number`);
  return port;
}

function hostOf(text: string): string {
  if (!/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$|^[0-9A-Fa-f:]+$/.test(text)) {
    throw new ConfigError(`SEDNA_ADVERTISED_ADDRESS ${text}: a host name or address, without port`);
  }
  return text;
}

function slotsOf(text: string): number {
  const slots = Number(text);
  if (!Number.isInteger(slots) || slots < 1) throw new ConfigError(`SEDNA_SLOTS ${text}: a whole number, at least 1`);
  return slots;
}

/** At most a day: a timer of more than 24 days would be over at once. */
function silentOf(text: string | undefined): Pick<LcConfig, 'frontSilentSeconds'> {
  if (text === undefined || text === '') return {};
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 86_400) {
    throw new ConfigError(`SEDNA_FRONT_SILENT_SECONDS ${text}: a whole number of seconds, from 1 to 86400`);
  }
  return { frontSilentSeconds: seconds };
}

/** `a=b,c=d` */
function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const pair of text.split(',').filter((part) => part !== '')) {
    const [key = '', value] = pair.split('=');
    if (value === undefined) throw new ConfigError(`SEDNA_NODE_LABELS: ${pair} is not key=value`);
    labels[key] = value;
  }
  return labels;
}
