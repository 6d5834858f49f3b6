/** Final answers as they come: the server-sent events of `GET /v2/requests`. */
import { setTimeout as delay } from 'node:timers/promises';

export interface End {
  id: string;
  state: 'final' | 'expired';
  /** Numbers the ends in their order. */
  sequence?: number;
  outputs?: { name: string; data: number[] }[];
  message?: string;
}

const againMs = 500;

/** Comes back to where it was when the stream breaks off, until `signal`. */
export async function listen(url: string, heard: (end: End) => void, signal: AbortSignal): Promise<void> {
  let last = '0';
  while (!signal.aborted) {
    try {
      const response = await fetch(`${url}/v2/requests`, { headers: { 'last-event-id': last }, signal });
      for await (const event of eventsOf(response)) {
        const [, id] = /^id: (.*)$/m.exec(event) ?? [];
        const [, data] = /^data: (.*)$/m.exec(event) ?? [];
        if (data !== undefined) heard(JSON.parse(data) as End);
        last = id ?? last;
      }
    } catch {
      await delay(againMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function* eventsOf(response: Response): AsyncGenerator<string> {
  if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
  let text = '';
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    yield* events;
  }
}
