import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseAllDocuments, visit } from 'yaml';
import { writeAtomic } from '../../deploy/local/files.ts';

/** Copies a manifest with its comments and another folder in all its strings, whatever characters that folder's name has. */
export function copyManifest(source: string, target: string, folder: { from: string; to: string }): void {
  const documents = parseAllDocuments(readFileSync(source, 'utf8'));
  for (const document of documents) {
    visit(document, {
      Scalar: (_key, node) => {
        if (typeof node.value === 'string') node.value = node.value.replaceAll(folder.from, () => folder.to);
      },
    });
  }
  mkdirSync(dirname(target), { recursive: true });
  // Without folding: a line break in a path would be a space to the reader of the file.
  writeAtomic(target, documents.map((document) => document.toString({ lineWidth: 0 })).join('---\n'));
}
