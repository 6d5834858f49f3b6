/** The allowlist of a node: which images it can run, and as what. Nothing else is ever executed. */
import { readFileSync } from 'node:fs';
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

const fileSchema = z.strictObject({ images: z.array(entrySchema) });

export type ImageEntry = z.output<typeof entrySchema>;

/** Reads allowlist files in order; the first entry that matches an image wins. Throws an error that names file and field. */
export function readImages(files: string[]): ImageEntry[] {
  return files.flatMap((file) => {
    const parsed = fileSchema.safeParse(parse(readFileSync(file, 'utf8')));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new Error(`${file}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not an image list'}`);
    }
    return parsed.data.images.map((entry) => ({ ...entry, dir: resolve(dirname(file), entry.dir) }));
  });
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
