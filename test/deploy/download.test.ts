import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { download } from '../../deploy/local/download.ts';
import { temporaryFolder } from '../support/cli.ts';

const CONTENT = Buffer.alloc(3_000_000, 'sedna');

describe('download', () => {
  let server: Server;
  let base: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: '/file' }).end();
      else if (request.url === '/file') response.end(CONTENT);
      else if (request.url === '/cut') {
        response.writeHead(200, { 'content-length': CONTENT.length });
        response.write(CONTENT.subarray(0, 1_000));
        response.destroy();
      } else response.writeHead(404).end();
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((done) => server.close(done)));

  it('follows redirects, writes the file and returns its digest', async () => {
    const path = join(temporaryFolder('download'), 'file');
    const digest = await download(`${base}/moved`, path, () => undefined);
    expect(readFileSync(path).equals(CONTENT)).toBe(true);
    expect(digest).toBe(createHash('sha256').update(CONTENT).digest('hex'));
  });

  it.each(['cut', 'none'])('fails on an answer that is %s', async (path) => {
    await expect(
      download(`${base}/${path}`, join(temporaryFolder('download'), 'file'), () => undefined),
    ).rejects.toThrow();
  });

  it('says at once which host is not reached', async () => {
    const target = join(temporaryFolder('download'), 'file');
    const started = performance.now();
    await expect(download('http://127.0.0.1:1/file', target, () => undefined)).rejects.toThrow(
      '127.0.0.1 is not reached',
    );
    expect(performance.now() - started).toBeLessThan(4_000);
  });
});
