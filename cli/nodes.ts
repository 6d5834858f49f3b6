import type { Command } from 'commander';
import { nodeViews } from '../activities/lib/nodes.ts';
import { printRows, withOutput, type Format } from './lib/output.ts';
import { withSession } from './lib/session.ts';

const gibibyte = 1 << 30;

export function register(program: Command): void {
  withOutput(
    program.command('nodes').description('registered nodes: what they have and whether they are connected'),
  ).action(async ({ output }: { output: Format }) => {
    await withSession(async ({ client }) => {
      const nodes = await nodeViews(client);
      const gib = (bytes: number | undefined): string =>
        bytes === undefined ? '' : `${Math.round(bytes / gibibyte)}Gi`;
      printRows(
        nodes,
        [
          ['name', ({ name }) => name],
          ['status', ({ alive }) => (alive ? 'Ready' : 'Silent')],
          ['role', ({ labels }) => labels['sedna.io/role']],
          ['arch', ({ architecture }) => architecture],
          ['cpus', ({ cpus }) => cpus],
          ['memory', ({ memoryBytes }) => gib(memoryBytes)],
          ['disk free', ({ diskFreeBytes }) => gib(diskFreeBytes)],
          ['providers', ({ executionProviders }) => executionProviders?.join(',')],
          ['address', ({ address }) => address],
        ],
        output,
        nodes.map(({ view: _view, ...node }) => node),
      );
    });
  });
}
