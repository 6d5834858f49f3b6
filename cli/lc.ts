import type { Command } from 'commander';

export function register(program: Command): void {
  program
    .command('lc')
    .description('run the local controller of a node: its edge activities, workers and their HTTP API')
    .requiredOption('--node <name>', 'name of the node')
    .option('--role <role>', 'cloud or edge (default: SEDNA_ROLE, else edge)')
    .option('--port <port>', 'HTTP port for workers of this node (default 9100)')
    .action(async (flags: { node: string; role?: string; port?: string }) => {
      const { runLocalController } = await import('../workers/lc.ts');
      await runLocalController(flags);
    });
}
