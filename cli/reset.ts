import type { Command } from 'commander';
import { federatedReference, roundNumber } from './lib/federated-rounds.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { withSession } from './lib/session.ts';
import { sayVerb } from './verbs.ts';

interface ResetOptions extends NamespaceOption {
  toRound: string;
}

export function register(program: Command): void {
  withNamespace(
    program
      .command('reset <job...>')
      .description('run the rounds of a FederatedLearningJob after a stored one again, in a new epoch')
      .requiredOption('--to-round <round>', 'the last round that stays; 0: begin from the beginning'),
  ).action(async (words: string[], { namespace, toRound: text }: ResetOptions) => {
    const ref = federatedReference(words, namespace);
    const toRound = roundNumber('--to-round', text);
    await withSession((session) => sayVerb(session, ref, 'reset', { toRound }));
  });
}
