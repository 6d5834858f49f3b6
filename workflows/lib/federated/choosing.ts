/** Which clients take part in a round. */
import { control } from '../activities.ts';
import type { RunPlan, RunState } from './state.ts';

/** Clients that can be asked now. Who comes later is asked in the next round. */
export function present({ clients }: RunPlan): string[] {
  return clients.filter(({ place }) => place !== undefined).map(({ client }) => client);
}

/** In client order. Choosing all of them costs no activity. */
export async function chooseClients(plan: RunPlan, known: RunState, round: number): Promise<string[]> {
  const { strategy, perRound, parameters, seed } = plan.fields.selection;
  if (strategy === 'All' && perRound === undefined) return present(plan);
  const clients = plan.clients
    .filter(({ place }) => place !== undefined)
    .map(({ client, place }) => ({
      client,
      labels: place?.labels,
      samples: known.samples[client],
      failures: known.failures[client] ?? 0,
    }));
  const request = { clients, round, seed, parameters, perRound };
  const summary = `round ${round} · ${strategy} of ${clients.length} clients`;
  const { selected } = await control(summary).selectClients({ strategy, request });
  return [...selected].sort();
}
