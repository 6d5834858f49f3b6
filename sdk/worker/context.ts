export type Environment = Readonly<Record<string, string | undefined>>;

/** An algorithm named in the environment, with its parameters; values are strings as users wrote them. */
export interface AlgorithmSpec {
  name: string;
  parameters: Record<string, unknown>;
}

/** Variables of a worker. A name is looked up as given, then in upper case; an empty value counts as missing. */
export class Context {
  private readonly environment: Environment;

  constructor(environment: Environment = process.env) {
    this.environment = environment;
  }

  get(name: string): string | undefined;
  get(name: string, fallback: string): string;
  get(name: string, fallback?: string): string | undefined {
    return this.environment[name] || this.environment[name.toUpperCase()] || fallback;
  }

  /** The variable's value, or an error that says who normally sets it. */
  require(name: string): string {
    const value = this.get(name);
    if (value === undefined) throw new Error(`${name} is not set; the local controller sets it for workers of a job`);
    return value;
  }

  boolean(name: string): boolean {
    return this.get(name)?.toLowerCase() === 'true';
  }

  /** A number of at least `minimum`; `fallback` when missing or smaller. Throws on text that is no number. */
  number(name: string, fallback: number, minimum = -Infinity): number {
    const text = this.get(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!Number.isFinite(value)) throw new Error(`${name}: must be a number, not ${JSON.stringify(text)}`);
    return value < minimum ? fallback : value;
  }

  /**
   * `<PREFIX>_NAME` and `<PREFIX>_PARAMETERS`, a JSON list of `{key, value}`. Entries without a key are skipped, a missing value is
   * `''`. `undefined` when no name is set; `overrides` from code win over the environment.
   */
  algorithm(prefix: string, overrides: Record<string, unknown> = {}): AlgorithmSpec | undefined {
    const name = this.get(`${prefix}_NAME`);
    if (name === undefined) return undefined;
    const variable = `${prefix}_PARAMETERS`;
    return { name, parameters: { ...parseParameters(variable, this.get(variable)), ...overrides } };
  }
}

function parseParameters(variable: string, text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    throw new Error(`${variable}: is not JSON; expected [{"key": "…", "value": "…"}]`, { cause: error });
  }
  if (list === null) return {};
  if (!Array.isArray(list)) throw new Error(`${variable}: must be a list of {"key", "value"}`);
  const entries = list as ({ key?: unknown; value?: unknown } | null)[];
  return Object.fromEntries(
    entries.flatMap((entry) => (typeof entry?.key === 'string' && entry.key ? [[entry.key, entry.value ?? '']] : [])),
  );
}
