import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../deploy/local/files.ts';
import { printDocument, withOutput, type Format } from './lib/output.ts';

export function register(program: Command): void {
  withOutput(program.command('version').description('versions of this command and what it is built on')).action(
    ({ output }: { output: Format }) => {
      const read = (path: string): { version: string } =>
        JSON.parse(readFileSync(join(packageRoot(), path), 'utf8')) as { version: string };
      const versions: Record<string, string> = {
        sedna: read('package.json').version,
        node: process.versions.node,
        temporalSdk: installed('@temporalio/workflow', read),
        onnxruntime: installed('onnxruntime-node', read),
      };
      if (output !== 'table') return printDocument(versions, output);
      for (const [name, version] of Object.entries(versions)) console.log(`${name.padEnd(12)} ${version}`);
    },
  );
}

function installed(name: string, read: (path: string) => { version: string }): string {
  try {
    return read(join('node_modules', name, 'package.json')).version;
  } catch {
    return 'not installed';
  }
}
