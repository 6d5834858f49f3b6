import type { Command } from 'commander';

export function register(program: Command): void {
  program
    .command('gm')
    .description('run a global manager: workflows, control activities, Kubernetes watcher')
    .option('--port <port>', 'HTTP port for /healthz, /readyz, /metrics (default 9000)')
    .action(async (flags: { port?: string }) => {
      const { runGlobalManager } = await import('../workers/gm.ts');
      await runGlobalManager(flags);
    });
}
