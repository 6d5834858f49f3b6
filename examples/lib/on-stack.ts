import { withSession, type Session } from '../../cli/lib/session.ts';
import type { DemoContext, DemoResult } from './run-demo.ts';
import { isForeignStackRunning, startStack, stopStack, type DemoStack } from './stack.ts';

/** Starts the stack of this folder, or takes the one that runs, and tells a story on it. Only a stack of its own is stopped. */
export async function onStack(
  { narrator, shell, cleanup, cleaningShell, options }: DemoContext,
  /** List of local programs; `undefined`: the ready-made ones are enough. */
  images: string | undefined,
  tell: (stack: DemoStack, session: Session) => Promise<DemoResult>,
): Promise<DemoResult> {
  const foreign = isForeignStackRunning();
  narrator.title(
    `The stack: Temporal, ${options.standalone ? '' : 'a Kubernetes API, '}a cloud node and two edge nodes`,
  );
  if (foreign) narrator.say('demo', 'a stack runs in this folder already: it is used, and left running');
  else cleanup.later('the stack', () => stopStack(cleaningShell));
  const stack = await startStack(shell, narrator, { standalone: options.standalone, images, foreign });
  process.env['TEMPORAL_ADDRESS'] = stack.state.temporal.address;
  return withSession((session) => tell(stack, session));
}
