import { algorithms } from '../registry.ts';
import { all } from './all.ts';
import { byDataSize } from './by-data-size.ts';
import { byFailures } from './by-failures.ts';
import { byLabel } from './by-label.ts';
import { random } from './random.ts';
import type { ClientSelector, SelectionRequest } from './selector.ts';

const TYPE = 'client_selection';

algorithms.register<ClientSelector>(TYPE, 'All', all);
algorithms.register<ClientSelector>(TYPE, 'Random', random);
algorithms.register<ClientSelector>(TYPE, 'ByLabel', byLabel);
algorithms.register<ClientSelector>(TYPE, 'ByDataSize', byDataSize);
algorithms.register<ClientSelector>(TYPE, 'ByFailures', byFailures);

/** Clients of a round by the registered strategy of that name (default: All). Throws an error that lists the names. */
export function selectClients(name: string | undefined, request: SelectionRequest): string[] {
  return algorithms.get<ClientSelector>(TYPE, name ?? 'All')(request);
}

export type { ClientFacts, ClientSelector, SelectionRequest } from './selector.ts';
