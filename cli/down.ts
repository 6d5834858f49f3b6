import type { Command } from 'commander';

interface DownOptions {
  purge?: boolean;
}

export function register(program: Command): void {
  program
    .command('down')
    .description('stop the stack that sedna up started in this directory; what it stored stays')
    .option('--purge', 'also remove .sedna: objects, histories, models, logs')
    .action(async (options: DownOptions) => {
      const { purge, stopEverything } = await import('../deploy/local/down.ts');
      const stopped = await stopEverything(process.cwd(), console.log);
      if (options.purge) purge(process.cwd());
      const kept = options.purge ? '.sedna removed' : 'data kept in .sedna';
      console.log(stopped > 0 ? `${stopped} process(es) stopped, ${kept}` : `nothing runs here, ${kept}`);
    });
}
