import type { Situation } from '../lib/situation.ts';
import { datasets } from './datasets.ts';
import { federated } from './federated.ts';
import { rounds } from './rounds.ts';
import { services } from './services.ts';
import { waiting } from './waiting.ts';
import { workers } from './workers.ts';

export const situations: Situation[] = [...datasets, ...waiting, ...workers, ...rounds, ...services, ...federated];
