import { LineCounter, isCollection, isScalar, parseAllDocuments, visit } from 'yaml';
import type { Document, Range, Tags } from 'yaml';

/** More than any object that etcd stores (1.5 MiB), times two for files with several documents, in bytes. */
export const MAX_MANIFEST_BYTES = 3 * 1024 * 1024;
/** Nodes that all aliases of one document may expand to. */
const MAX_ALIASES = 100;
/** Levels of nesting; validation has the same limit. */
const MAX_DEPTH = 200;
const TOO_DEEP = 'the document is nested too deep';

/** One document of a file, not yet judged (see `validateManifest`). */
export interface ParsedDocument {
  value: unknown;
  /** Where the document starts, 1-based. */
  line: number;
  source: string;
}

/** The text is not YAML (or JSON). The message starts with `source:line:column`. */
export class ManifestSyntaxError extends Error {
  override name = 'ManifestSyntaxError';
  readonly source: string;
  readonly line: number;
  readonly column: number;

  constructor(at: { source: string; line: number; column: number }, problem: string) {
    super(`${at.source}:${at.line}:${at.column}: ${problem}`);
    this.source = at.source;
    this.line = at.line;
    this.column = at.column;
  }
}

/**
 * Reads YAML documents as kubectl does: `02:00` is a string, `yes`, `on`, `y` are booleans, `0644` is octal, duplicate keys are
 * refused, `kind: List` is taken apart, empty documents are skipped.
 */
export function parseManifests(text: string | Buffer, source = 'manifest'): ParsedDocument[] {
  const start = { source, line: 1, column: 1 };
  const content = decode(text, start);
  const lines = new LineCounter();
  const position = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { source, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  try {
    const documents = parseAllDocuments(content, { lineCounter: lines, prettyErrors: false, ...KUBECTL });
    return [...documents].flatMap((document) => read(document, position));
  } catch (error) {
    if (error instanceof RangeError) throw new ManifestSyntaxError(start, TOO_DEEP);
    throw error;
  }
}

type Position = (offset: number) => { source: string; line: number; column: number };

const OCTAL = {
  default: true,
  tag: 'tag:yaml.org,2002:int',
  format: 'OCT',
  test: /^[-+]?0o[0-7_]+$/,
  resolve: (text: string) => Number(text.replaceAll('_', '').replace(/^[-+]/, '')) * (text.startsWith('-') ? -1 : 1),
};

const KUBECTL = {
  schema: 'yaml-1.1',
  customTags: (tags: Tags) => [...tags.filter((tag) => typeof tag === 'string' || !isSurprise(tag)), OCTAL],
  merge: true,
  uniqueKeys: false,
} as const;

// Sexagesimal numbers, dates and non-JSON collections of YAML 1.1: kubectl reads the first two as strings.
function isSurprise(tag: Exclude<Tags[number], string>): boolean {
  return tag.format === 'TIME' || /:(timestamp|binary|omap|pairs|set)$/.test(tag.tag);
}

function decode(text: string | Buffer, start: { source: string; line: number; column: number }): string {
  const size = Buffer.byteLength(text);
  if (size > MAX_MANIFEST_BYTES)
    throw new ManifestSyntaxError(start, `the file has ${size} bytes; at most ${MAX_MANIFEST_BYTES} are read`);
  const content = typeof text === 'string' ? text : utf8(text, start);
  const bad = CONTROL.exec(content);
  if (bad === null) return content;
  const before = content.slice(0, bad.index).split('\n');
  const code = content.charCodeAt(bad.index).toString(16).padStart(4, '0');
  throw new ManifestSyntaxError(
    { source: start.source, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 },
    `the control character U+${code.toUpperCase()} is not allowed; write it as an escape in double quotes`,
  );
}

/** What YAML 1.2 does not count as printable (section 5.1). */
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]/;

function utf8(bytes: Buffer, start: { source: string; line: number; column: number }): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ManifestSyntaxError(start, 'the file is not UTF-8 text');
  }
}

function read(document: Document.Parsed, position: Position): ParsedDocument[] {
  const at = position(document.contents?.range[0] ?? document.range[0]);
  const problem = document.errors[0] ?? document.warnings[0];
  // The YAML reader reports its own exhausted stack as a syntax error; where it ends depends on the process.
  if (problem?.message.startsWith('Maximum call stack')) throw new RangeError(TOO_DEEP);
  if (problem) throw new ManifestSyntaxError(position(problem.pos[0]), firstLine(problem.message));
  refuseStrangeNodes(document, position);
  const value = toValue(document, at);
  if (value === null) return [];
  const items = isList(value) ? value.items : [value];
  return items.map((item) => ({ value: item, line: at.line, source: at.source }));
}

/**
 * What YAML allows and JSON has no word for, and what has no end. Keys are compared here because the reader compares each with
 * each: a manifest of 50 000 keys would take it minutes.
 */
function refuseStrangeNodes(document: Document.Parsed, position: Position): void {
  const refuse = (node: { range?: Range | null } | null, problem: string): never => {
    throw new ManifestSyntaxError(position(node?.range?.[0] ?? 0), problem);
  };
  visit(document, {
    Node(_key, _node, path) {
      // Counted in parents, of which a pair is one too.
      if (path.length > 2 * MAX_DEPTH) throw new RangeError(TOO_DEEP);
    },
    Map(_key, { items }) {
      const seen = new Set<string>();
      for (const { key } of items) {
        if (isCollection(key)) refuse(key, 'a key must be text');
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (seen.has(name) && name !== '<<')
          refuse(key, `Map keys must be unique; "${name.slice(0, 100)}" is there twice`);
        seen.add(name);
      }
    },
    // An alias inside what it names makes a value without end: whoever walks it never returns.
    Alias(_key, alias, path) {
      const target = alias.resolve(document);
      if (target === undefined || !path.includes(target)) return;
      refuse(alias, `alias *${alias.source} lies inside what it names; write the value without it`);
    },
  });
}

function toValue(document: Document.Parsed, at: ReturnType<Position>): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new ManifestSyntaxError(at, firstLine((error as Error).message));
  }
}

function isList(value: unknown): value is { items: unknown[] } {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, apiVersion, items } = value as Record<string, unknown>;
  return apiVersion === 'v1' && kind === 'List' && Array.isArray(items);
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}
