import type { ServerResponse } from 'node:http';
import { inferenceError } from '../errors.ts';

/** Answers with JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown, headers: string[] = []): void {
  sendText(response, status, JSON.stringify(body), ['content-type', 'application/json', ...headers]);
}

/** @param headers names and values in turn. */
export function sendText(response: ServerResponse, status: number, text: string, headers: string[]): void {
  response.writeHead(status, [...headers, 'content-length', String(Buffer.byteLength(text))]);
  response.end(text);
}

/** `{"error": …}` with the status of the error. A body that was not read to its end closes the connection: nothing else can follow it. */
export function sendError(response: ServerResponse, thrown: unknown): void {
  if (response.headersSent || response.destroyed) return;
  const { statusCode, message, retryAfter } = inferenceError(thrown);
  const headers: string[] = [];
  if (retryAfter !== undefined) headers.push('retry-after', String(retryAfter));
  if (!response.req.complete) headers.push('connection', 'close');
  sendJson(response, statusCode, { error: message }, headers);
}
