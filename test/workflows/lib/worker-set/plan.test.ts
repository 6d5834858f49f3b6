import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { planSet, type Replica } from '../../../../workflows/lib/worker-set/plan.ts';

const replica = (name: string, state: Replica['state'], current = true): Replica => ({ name, state, current });

test('worked cases', () => {
  expect(planSet(3, [])).toEqual({ start: 3, drain: [] });
  expect(planSet(1, [replica('a', 'ready')])).toEqual({ start: 0, drain: [] });
  // An edit: a new one comes first, the old one goes when it is ready.
  expect(planSet(1, [replica('a', 'ready', false)])).toEqual({ start: 1, drain: [] });
  expect(planSet(1, [replica('a', 'ready', false), replica('b', 'starting')])).toEqual({ start: 0, drain: [] });
  expect(planSet(1, [replica('a', 'ready', false), replica('b', 'ready')])).toEqual({ start: 0, drain: ['a'] });
  // A new one that crashes stops it there.
  expect(planSet(1, [replica('a', 'ready', false), replica('b', 'failing')])).toEqual({ start: 0, drain: [] });
  // An old one that crashes goes at once, and nobody waits for a next edit.
  expect(planSet(1, [replica('a', 'failing', false)])).toEqual({ start: 1, drain: ['a'] });
  // Down to fewer: idle ones first, then the newest.
  expect(planSet(1, [replica('a', 'ready'), replica('b', 'ready'), replica('c', 'failing')])).toEqual({
    start: 0,
    drain: ['c', 'b'],
  });
  expect(planSet(0, [replica('a', 'ready'), replica('b', 'ready', false)])).toEqual({ start: 0, drain: ['b', 'a'] });
  // One that is on its way out still takes room.
  expect(planSet(1, [replica('a', 'draining', false), replica('b', 'draining', false)])).toEqual({
    start: 0,
    drain: [],
  });
});

const states = fc.constantFrom<Replica['state'][]>('starting', 'ready', 'failing', 'draining');
const someReplicas = fc
  .array(fc.record({ current: fc.boolean(), state: states }), { maxLength: 12 })
  .map((list) => list.map((entry, i) => ({ ...entry, name: `r${i}` })));

test('no plan lets go of a ready one that is needed, starts more than there is room for, or lets go twice', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 6 }), someReplicas, (wanted, replicas) => {
      const { start, drain } = planSet(wanted, replicas);
      const ready = replicas.filter(({ state }) => state === 'ready');
      const left = ready.filter(({ name }) => !drain.includes(name)).length;
      expect(left).toBeGreaterThanOrEqual(Math.min(ready.length, wanted));
      if (start > 0) expect(replicas.length + start).toBeLessThanOrEqual(wanted + 1);
      expect(new Set(drain).size).toBe(drain.length);
      const live = replicas.filter(({ state }) => state !== 'draining').map(({ name }) => name);
      expect(live).toEqual(expect.arrayContaining(drain));
    }),
  );
});

/** The world of a set: replicas get ready or crash, those let go disappear; edits change what is wanted. */
class World {
  replicas: (Replica & { revision: number })[] = [];
  revision = 1;
  wanted = 1;
  #born = 0;

  step(): void {
    const seen = this.replicas.map((one) => ({ ...one, current: one.revision === this.revision }));
    const { start, drain } = planSet(this.wanted, seen);
    for (const one of this.replicas) if (drain.includes(one.name)) one.state = 'draining';
    for (let i = 0; i < start; i++) {
      this.#born += 1;
      this.replicas.push({ name: `r${this.#born}`, revision: this.revision, current: true, state: 'starting' });
    }
  }

  get ready(): number {
    return this.replicas.filter(({ state }) => state === 'ready').length;
  }
}

const happenings = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant('edit' as const) }),
    fc.record({ what: fc.constant('scale' as const), to: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ what: fc.constantFrom('ready' as const, 'crash' as const, 'gone' as const), at: fc.nat(20) }),
  ),
  { maxLength: 60 },
);

test('whatever happens, the set ends with as many ready ones of the newest revision as wanted, and never had fewer by its own doing', () => {
  fc.assert(
    fc.property(happenings, (events) => {
      const world = new World();
      for (const event of events) {
        const before = { ready: world.ready, wanted: world.wanted };
        world.step();
        expect(world.ready).toBeGreaterThanOrEqual(Math.min(before.ready, before.wanted));
        if (event.what === 'edit') world.revision += 1;
        else if (event.what === 'scale') world.wanted = event.to;
        else {
          const one = world.replicas[event.at % Math.max(1, world.replicas.length)];
          if (one === undefined) continue;
          if (event.what === 'gone' && one.state === 'draining') world.replicas.splice(world.replicas.indexOf(one), 1);
          if (event.what === 'ready' && one.state !== 'draining') one.state = 'ready';
          if (event.what === 'crash' && one.state !== 'draining') one.state = 'failing';
        }
      }
      // From here on nothing bad happens any more.
      for (let i = 0; i < 60; i++) {
        world.step();
        world.replicas = world.replicas.filter(({ state }) => state !== 'draining');
        for (const one of world.replicas) one.state = 'ready';
      }
      expect(world.replicas.map(({ revision, state }) => ({ revision, state }))).toEqual(
        Array.from({ length: world.wanted }, () => ({ revision: world.revision, state: 'ready' })),
      );
      expect(
        planSet(
          world.wanted,
          world.replicas.map((one) => ({ ...one, current: true })),
        ),
      ).toEqual({
        start: 0,
        drain: [],
      });
    }),
  );
});
