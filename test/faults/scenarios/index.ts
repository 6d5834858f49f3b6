import type { ScenarioName } from '../lib/plan.ts';
import type { Scenario } from '../lib/story.ts';
import { blocked } from './blocked.ts';
import { clockJumps } from './clock-jumps.ts';
import { damagedModel } from './damaged-model.ts';
import { deletedWhileAway } from './deleted-while-away.ts';
import { diskFull } from './disk-full.ts';
import { edited } from './edited.ts';
import { halfLine } from './half-line.ts';
import { recreated } from './recreated.ts';
import { twoRounds } from './two-rounds.ts';

export const scenarios: Record<ScenarioName, Scenario> = {
  'two rounds': twoRounds,
  'half-written line': halfLine,
  'edit in mid-round': edited,
  'two managers': { ...twoRounds, world: { managers: 2 } },
  'deleted while the edge is down': deletedWhileAway,
  'deleted and created again': recreated,
  'disk full': diskFull,
  'blocked event loop': blocked,
  'clock jumps': clockJumps,
  'damaged model': damagedModel,
};
