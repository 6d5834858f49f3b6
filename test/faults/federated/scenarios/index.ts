import type { ScenarioName } from '../plan.ts';
import { diskFull } from './disk-full.ts';
import { edited } from './edited.ts';
import { fedBuff } from './fed-buff.ts';
import { mistNet, mistNetWithNoise } from './mist-net.ts';
import { recreated } from './recreated.ts';
import type { Scenario } from './scenario.ts';
import { stopped } from './stopped.ts';
import { tenRounds } from './ten-rounds.ts';
import { twoGone } from './two-gone.ts';
import { worker } from './worker.ts';
import { writeErrors } from './write-errors.ts';

export const scenarios: Record<ScenarioName, Scenario> = {
  'ten rounds': tenRounds,
  'two clients gone': twoGone,
  'stopped and resumed': stopped,
  'two managers': { ...tenRounds, world: () => ({ managers: 2 }) },
  'disk full': diskFull,
  'write errors': writeErrors,
  'edit in mid-round': edited,
  'deleted and created again': recreated,
  FedBuff: fedBuff,
  MistNet: mistNet,
  'MistNet with noise': mistNetWithNoise,
  Worker: worker,
};
