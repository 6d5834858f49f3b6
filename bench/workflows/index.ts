/** Workflows of benchmarks. Of p11: the frame of every entity around one activity, and the same without the frame. */
import { condition, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import { runEntity, type EntityInput, type EntityKind } from '../../workflows/lib/entity.ts';
import { controlQueue } from '../../workflows/lib/ids.ts';
import type { FrameActivities } from '../p11/activities.ts';

export * from './asking.ts';

/** As `control` of workflows/lib/activities.ts. */
const { once } = proxyActivities<FrameActivities>({
  taskQueue: controlQueue,
  startToCloseTimeout: '30s',
  summary: 'the one activity',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '15s' },
});

interface Count {
  wanted: number;
  done: number;
}

const framedKind: EntityKind<{ run: string }, Count> = {
  kind: 'Framed',
  initial: () => ({ wanted: 1, done: 0 }),
  plan({ own, ref }) {
    if (own.done >= own.wanted) return [];
    const run = async (): Promise<void> => {
      await once(ref.name);
      own.done += 1;
    };
    return [{ slot: 'work', key: String(own.done), run }];
  },
  onVerb({ own }) {
    own.wanted += 1;
    return undefined;
  },
  status: ({ own }) => ({
    phase: own.done >= own.wanted ? 'Ready' : 'Working',
    progressing: { status: own.done < own.wanted, reason: 'Working' },
    available: { status: own.done > 0, reason: 'Worked' },
    fields: { ...own },
  }),
};

/** One activity when it is applied, one more per `trigger`. */
export async function framed(input: EntityInput<{ run: string }, Count>): Promise<void> {
  await runEntity(framedKind, input);
}

/** One activity, then the end. */
export async function bare(name: string): Promise<void> {
  await once(name);
}

/** One activity at the start, one more per `trigger`. */
export async function bareLoop(name: string): Promise<void> {
  let [wanted, done] = [1, 0];
  setHandler(defineSignal('trigger'), () => void (wanted += 1));
  for (;;) {
    await condition(() => done < wanted);
    await once(name);
    done += 1;
  }
}
