import { Agent, type ClientRequestArgs } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** For an answer that is there already to be read. */
const lateMs = 250;

type Told = (error?: Error | null) => void;

/**
 * Connections to replicas. One that refuses a large body answers and closes while the body is still being sent: the next write fails,
 * and Node.js would throw away the connection with the answer in it. Here a write that fails is told a moment later.
 */
export class ReplicaAgent extends Agent {
  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const stream = super.createConnection(options, callback);
    if (stream !== null && stream !== undefined) tellLate(stream as Socket);
    return stream;
  }
}

function tellLate(socket: Socket): void {
  const late =
    (told: Told): Told =>
    (error) =>
      error === undefined || error === null ? told() : void setTimeout(() => told(error), lateMs);
  const write = socket._write.bind(socket);
  const writev = socket._writev?.bind(socket);
  socket._write = (chunk, encoding, told) => write(chunk, encoding, late(told));
  if (writev !== undefined) socket._writev = (chunks, told) => writev(chunks, late(told));
}
