/** The ready-made workers of a joint inference service, as a local controller starts them, and a way between them that counts. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../workers/lib/ports.ts';
import { childrenOf, cpuMs } from '../lib/processes.ts';

/** The name of the service, and of the model that both serve. */
export const service = 'bench';

export class ReadyMade {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Rejects where it does not say that it serves. */
  static async start(module: 'big-model' | 'joint-inference', environment: Record<string, string>): Promise<ReadyMade> {
    const script = fileURLToPath(new URL(`../../sdk/ready-made/${module}.ts`, import.meta.url));
    const port = await freePort();
    const env = {
      ...process.env,
      SERVICE_NAME: service,
      SEDNA_SERVE_PORT: String(port),
      LC_PERIOD: '3600',
      ...environment,
    };
    const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const worker = new ReadyMade(child, port);
    const said = once(createInterface(child.stdout), 'line').then(([line]) => String(line));
    const line = await Promise.race([said, once(child, 'exit').then(() => 'nothing')]);
    if (line.startsWith('serving ')) return worker;
    worker.close();
    throw new Error(`${module} says ${line}`);
  }

  /** User and system time of its processes so far. */
  cpuMs(): number {
    const { pid = 0 } = this.#child;
    return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + cpuMs(one), 0);
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Passes connections on to a port and counts the bytes that go there. */
export class CountedWay {
  readonly #server: Server;
  bytes = 0;

  private constructor(to: number) {
    this.#server = createServer((here) => {
      const there = connect(to, '127.0.0.1');
      here.on('data', (chunk: Buffer) => (this.bytes += chunk.byteLength));
      here.pipe(there).pipe(here);
      for (const socket of [here, there]) socket.on('error', () => [here, there].forEach((one) => one.destroy()));
    });
  }

  static async to(port: number): Promise<CountedWay> {
    const way = new CountedWay(port);
    way.#server.listen(0, '127.0.0.1');
    await once(way.#server, 'listening');
    return way;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }
}
