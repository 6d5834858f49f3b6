/**
 * The aggregation server of the original library (section 6.2 of the SDK reference), for the trainers of this node: same HTTP server
 * as their reports. Behind it are the tasks of the durable round.
 */
import type { FastifyInstance } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkerRuntime } from '../../../activities/edge/runtime.ts';
import { logger } from '../log.ts';
import type { NodeTaskBoard } from '../task-board.ts';
import { Connection } from './connection.ts';
import { Closing, closeCodes } from './frame-decoder.ts';
import { handshake, wantedVersion } from './frames.ts';
import { Inbox } from './inbox.ts';
import { Trainer } from './trainer.ts';

export interface GatewayOptions {
  board: NodeTaskBoard;
  runtime: Pick<WorkerRuntime, 'get'>;
  /** Of the local controller; its folder `gateway` is emptied at start. */
  stateDir: string;
  /** Largest update. Default: 500 MiB. */
  messageBytes?: number;
  /** Largest reply. Default: the 16 MiB that trainers of the original library take. */
  replyBytes?: number;
  /** Default: 120 000. */
  stallMs?: number;
}

const defaults = { messageBytes: 500 << 20, replyBytes: 16 << 20, stallMs: 120_000 };
/** Those that never say who they are fall to `stallMs`. */
const mostConnections = 1_000;

/** Paths are the names of aggregation classes, as trainers have them in their code. */
const aggregationPath = /^\/[A-Za-z_][A-Za-z0-9_]{0,99}$/;

export function serveGateway(server: FastifyInstance, options: GatewayOptions): void {
  const gateway = new Gateway({ ...defaults, ...options });
  server.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    void gateway.accept(request, socket, head);
  });
  server.get<{ Params: { aggregation: string } }>('/:aggregation(^[A-Z][A-Za-z0-9_]+$)', () => ({
    clients: gateway.clients,
  }));
  // Upgraded sockets are no longer the HTTP server's: it would wait for them.
  server.addHook('preClose', () => gateway.close());
}

/** Whoever speaks another version is told which one this is (RFC 6455, section 4.2.2). */
function lacking(what: string): [status: string, reason: string, header?: string] {
  const reason = `it lacks ${what}`;
  return what === wantedVersion ? ['426 Upgrade Required', reason, wantedVersion] : ['400 Bad Request', reason];
}

function refuse(socket: Socket, status: string, reason: string, header?: string): void {
  const headers = ['Connection: close', `Content-Length: ${Buffer.byteLength(reason)}`, ...(header ? [header] : [])];
  socket.on('error', () => undefined);
  socket.end([`HTTP/1.1 ${status}`, ...headers, '', reason].join('\r\n'));
}

class Gateway {
  readonly #options: Required<GatewayOptions>;
  readonly #directory: string;
  readonly #ready: Promise<unknown>;
  readonly #connections = new Set<Connection>();
  readonly #trainers = new Map<string, Connection>();
  #count = 0;

  constructor(options: Required<GatewayOptions>) {
    this.#options = options;
    this.#directory = join(options.stateDir, 'gateway');
    // What an earlier process left: its trainers ended with their connections.
    this.#ready = rm(this.#directory, { recursive: true, force: true });
  }

  get clients(): string[] {
    return [...this.#trainers.keys()];
  }

  close(): void {
    for (const connection of this.#connections)
      connection.close(closeCodes.goingAway, 'the local controller goes down');
  }

  async accept(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const refused = this.#refusal(request);
    const shaken = handshake(request);
    if (refused !== undefined) return refuse(socket, ...refused);
    if ('lacks' in shaken) return refuse(socket, ...lacking(shaken.lacks));
    socket.write(shaken.accepted);
    const connection = new Connection(socket, this.#options);
    this.#connections.add(connection);
    const directory = join(this.#directory, String(++this.#count));
    try {
      await this.#ready;
      await mkdir(directory, { recursive: true });
      await this.#serve(connection, head, directory);
    } catch (error) {
      // Of the disk: the trainer begins anew some time later.
      logger.warn({ problem: (error as Error).message }, 'a trainer cannot be served');
      connection.close(closeCodes.internal, (error as Error).message);
    } finally {
      this.#connections.delete(connection);
      await rm(directory, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  /** Browsers say where a page is from, trainers do not: pages have nothing to say here. */
  #refusal({ url = '', headers }: IncomingMessage): [status: string, reason: string] | undefined {
    const path = url.split('?', 1)[0] ?? '';
    if (!aggregationPath.test(path)) return ['403 Forbidden', 'aggregation is at /<name>, for example /FedAvg'];
    if (headers.origin !== undefined) return ['403 Forbidden', 'not for pages'];
    return this.#connections.size >= mostConnections ? ['503 Service Unavailable', 'too many connections'] : undefined;
  }

  async #serve(connection: Connection, head: Buffer, directory: string): Promise<void> {
    let trainer: Trainer | undefined;
    let name = '';
    const inbox = new Inbox(
      {
        subscribe: async (id) => {
          trainer = await this.#subscribe(connection, id, directory);
          name = id;
        },
        upload: (upload) => trainer?.upload(upload),
      },
      { directory, replyBytes: this.#options.replyBytes, signal: connection.over },
    );
    try {
      await connection.run(head, inbox);
    } catch (error) {
      logger.warn({ worker: name, problem: (error as Error).message }, 'a trainer was disconnected');
    } finally {
      if (this.#trainers.get(name) === connection) this.#trainers.delete(name);
    }
  }

  async #subscribe(connection: Connection, id: string, directory: string): Promise<Trainer> {
    const { board, runtime, replyBytes } = this.#options;
    const view = runtime.get(id);
    if (view?.stage !== 'Train' || view.owner.kind !== 'FederatedLearningJob') {
      throw new Closing(closeCodes.policy, `there is no federated trainer ${id.slice(0, 80)} on this node`);
    }
    this.#trainers.get(id)?.close(closeCodes.policy, `${id} has connected again`);
    this.#trainers.set(id, connection);
    connection.known();
    const trainer = new Trainer({ board, connection, owner: view.owner, worker: id, directory, replyBytes });
    // The trainer waits for one frame, whatever it says, before it begins.
    await connection.sendText(JSON.stringify({ type: 'subscribe', client_id: id }));
    trainer.run().catch((error: unknown) => {
      if (connection.over.aborted) return;
      const { code, message } = error instanceof Closing ? error : new Closing(closeCodes.internal, String(error));
      logger.warn({ worker: id, problem: message }, 'a trainer cannot go on');
      connection.close(code, message);
    });
    return trainer;
  }
}
