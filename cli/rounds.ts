import type { Command } from 'commander';
import type { RoundRecord } from '../workflows/lib/federated/state.ts';
import { federatedReference, roundsOf } from './lib/federated-rounds.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { printRows, withOutput, type Format } from './lib/output.ts';
import { withSession } from './lib/session.ts';

interface RoundsOptions extends NamespaceOption {
  output: Format;
}

export function register(program: Command): void {
  const command = program
    .command('rounds <job...>')
    .description('stored rounds of a FederatedLearningJob: what reset and fork can go back to');
  withOutput(withNamespace(command)).action(async (words: string[], { namespace, output }: RoundsOptions) => {
    const ref = federatedReference(words, namespace);
    await withSession(async ({ client }) => {
      const details = await roundsOf(client, ref);
      if (details.rounds.length === 0 && output === 'table') return console.log('No round is stored yet.');
      printRows(
        details.rounds,
        [
          ['round', ({ round }) => round],
          ['clients', clientsOf],
          ['samples', ({ samples }) => samples],
          ['metrics', metricsOf],
          ['seconds', ({ seconds }) => seconds.toFixed(1)],
          ['model', ({ file, weights }) => (file ?? weights).sha256.slice(0, 12)],
          ['time', ({ time }) => time],
        ],
        output,
        details,
      );
    });
  });
}

function clientsOf({ clients, credited = [] }: RoundRecord): string {
  return credited.length === 0 ? String(clients.length) : `${clients.length} (${credited.length} late)`;
}

function metricsOf({ metrics }: RoundRecord): string {
  return Object.entries(metrics)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join(', ');
}
