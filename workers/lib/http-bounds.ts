/** What keeps an HTTP server of Node.js from being occupied, whoever answers its requests. */
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';

/** Node hands on every request that has arrived, answered or not: without a bound one connection holds as many as it likes. */
export function boundPipelines(server: Server, most: number): void {
  const waiting = new WeakMap<Socket, number>();
  server.prependListener('request', ({ socket }: IncomingMessage, response) => {
    const count = (waiting.get(socket) ?? 0) + 1;
    waiting.set(socket, count);
    response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1));
    if (count > most) socket.destroy();
  });
}

const BROKEN: Record<string, [status: number, message: string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request took too long to arrive'],
  HPE_HEADER_OVERFLOW: [431, 'the headers are too large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'the extensions of a chunk are too large'],
};

/** What the parser refuses never becomes a request: it is answered by hand, with what `words` makes of it as JSON. */
export function answerBroken(words: (problem: { statusCode: number; message: string }) => unknown) {
  return (error: Error & { code?: string; reason?: string }, socket: Socket): void => {
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
    const known = BROKEN[error.code ?? ''];
    const [status, message] = known ?? [400, `this is not HTTP/1.1: ${error.reason ?? error.message}`];
    const body = JSON.stringify(words({ statusCode: status, message }));
    const head = ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`, 'connection: close'];
    const answer = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...head, '', body].join('\r\n');
    socket.end(answer, () => socket.destroy());
  };
}
