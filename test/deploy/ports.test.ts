import { describe, expect, it } from '@jest/globals';
import { createServer } from 'node:net';
import { allocatePorts } from '../../deploy/local/ports.ts';
import { freePort } from '../../workers/lib/ports.ts';

async function occupy(port: number) {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return { close: () => new Promise((done) => server.close(done)) };
}

describe('allocatePorts', () => {
  it('gives distinct free ports below the ephemeral range', async () => {
    const ports = Object.values(await allocatePorts(['a', 'b', 'c', 'd']));
    expect(new Set(ports).size).toBe(4);
    for (const port of ports) {
      expect(port).toBeGreaterThanOrEqual(20_000);
      expect(port).toBeLessThan(30_000);
      await (await occupy(port)).close();
    }
  });

  it('keeps earlier ports, replaces what another program has taken, and trusts those in use by their owner', async () => {
    const before = await allocatePorts(['kept', 'taken', 'held']);
    const others = [await occupy(before.taken ?? 0), await occupy(before.held ?? 0)];
    try {
      const after = await allocatePorts(['kept', 'taken', 'held', 'fresh'], before, new Set(['held']));
      expect(after).toMatchObject({ kept: before.kept, held: before.held });
      expect(after.taken).not.toBe(before.taken);
      expect(Object.values(before)).not.toContain(after.fresh);
    } finally {
      await Promise.all(others.map((other) => other.close()));
    }
  });
});

describe('freePort', () => {
  it('gives the preferred port while it is free, else one below the ephemeral range', async () => {
    const port = await freePort();
    expect(port).toBeGreaterThanOrEqual(20_000);
    expect(port).toBeLessThan(30_000);
    expect(await freePort(port)).toBe(port);
    const other = await occupy(port);
    expect(await freePort(port)).not.toBe(port);
    await other.close();
  });
});
