/** The allowlist of a node: which images it can run, and as what. Nothing else is ever executed. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const entrySchema = z.strictObject({
  /** Image name; `*` stands for any characters. A name without tag matches every tag. */
  image: z.string().min(1),
  /** Working directory, relative to the file that names it. */
  dir: z.string().min(1),
  /** Program and first arguments, an argv: no shell is involved. */
  command: z.array(z.string().min(1)).min(1),
  env: z.record(z.string(), z.string()).optional(),
  /** Whether a template's own `command` may replace this one. */
  allowCommand: z.boolean().optional(),
});

const fileSchema = z.strictObject({
  images: z.array(entrySchema).default([]),
  /** Modules with strategies for federated jobs that are aggregated on this node, relative to the file that names them. */
  strategies: z.array(z.string().min(1)).default([]),
});

export type ImageEntry = z.output<typeof entrySchema>;

/** Reads allowlist files in order; the first entry that matches an image wins. Throws an error that names file and field. */
export function readImages(files: string[]): ImageEntry[] {
  return files.flatMap((file) =>
    readList(file).images.map((entry) => ({ ...entry, dir: resolve(dirname(file), entry.dir) })),
  );
}

/** Strategy modules of the same files. Throws as {@link readImages} does, and for a module that is not there. */
export function readStrategies(files: string[]): string[] {
  const modules = files.flatMap((file) => readList(file).strategies.map((path) => resolve(dirname(file), path)));
  for (const path of modules) if (!existsSync(path)) throw new Error(`strategies: ${path} does not exist`);
  return modules;
}

function readList(file: string): z.output<typeof fileSchema> {
  const parsed = fileSchema.safeParse(parse(readFileSync(file, 'utf8')));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`${file}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not an image list'}`);
}

export function findImage(entries: ImageEntry[], image: string): ImageEntry | undefined {
  return entries.find((entry) => matches(entry.image, image));
}

function matches(pattern: string, image: string): boolean {
  const tagged = /[:@][^/]*$/;
  const name = tagged.test(pattern) ? image : image.replace(tagged, '');
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}$`).test(name);
}
