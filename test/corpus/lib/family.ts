/** What the table is made of: inputs with the verdict that all parsers must agree on, and the parsers. */

export interface Expected {
  verdict: 'accept' | 'refuse';
  /** Name of the error in the words of our catalogue. */
  reason?: string;
  /** Path of the field, or the place in the file. */
  path?: string;
  /** Part of the message. */
  message?: string;
  /** What an accepted input is read as; compared where a parser says it. */
  value?: unknown;
}

export interface Found {
  verdict: Expected['verdict'];
  reason?: string;
  path?: string;
  message?: string;
  value?: unknown;
  /** The words are not ours (the API server's own type errors): only the verdict is compared, and the path where it has one. */
  foreign?: boolean;
}

export interface Case<I> {
  name: string;
  input: I;
  expected: Expected;
  /** By parser: what it judges otherwise (with a reason in the file), or `silent` where it cannot be asked. */
  except: Record<string, Partial<Expected> | 'silent'>;
}

export interface Parser<I> {
  name: string;
  open?(cases: readonly Case<I>[]): Promise<void>;
  /** False where it is never given such an input. Default: it is given all. */
  speaks?(input: I): boolean;
  judge(input: I, found: Case<I>): Promise<Found> | Found;
  close?(): Promise<void>;
  /** Why it cannot be had here; it is then shown as such. */
  absent?: string;
}

export interface Family<I> {
  name: string;
  cases: readonly Case<I>[];
  parsers: readonly Parser<I>[];
  /** Bound of one case, in ms. */
  boundMs: number;
  /** How much this process may grow over one case, in MiB. */
  growthMiB: number;
}

/** What a parser should find; undefined where it is silent. */
export function expectedOf<I>(found: Case<I>, parser: Parser<I>): Expected | undefined {
  const except = found.except[parser.name];
  if (except === 'silent' || parser.speaks?.(found.input) === false) return undefined;
  return { ...found.expected, ...except };
}
