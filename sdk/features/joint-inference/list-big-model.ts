import { listOf, outputsOf } from '../../serving/codec/nested-list.ts';
import type { TensorInfo } from '../../tensor.ts';
import { BigModelError, blame, TierAnswer } from './big-model.ts';
import type { BigModel } from './big-model.ts';
import { firstKnown } from './first-known.ts';
import type { Tensors } from './oip-big-model.ts';
import { withOrigin } from './origin.ts';
import { PixelsClient } from './pixels-client.ts';
import { sednaBigModel } from './sedna-big-model.ts';

interface Service {
  host: string;
  port: number;
  service: string;
}

/**
 * Big model behind the original's REST interface, asked with tensors: they go there as nested lists, without their first dimension where that is
 * 1, image files as their pixels, and its list comes back as `outputs` says: those of the little model, which both are to have.
 */
export function listBigModel(service: Service, outputs: () => readonly TensorInfo[]): BigModel<Tensors, Tensors> {
  const lists = sednaBigModel(service);
  const texts = firstKnown(
    [...new Set([service.service, 'sedna'])].map((name) => asked({ ...service, service: name })),
  );
  const pixels = new PixelsClient();
  return {
    async infer(feeds, options) {
      const file = imageOf(feeds);
      const answer = file ? await inferPixels(file, options) : await lists.infer(listOf(feeds, true), options);
      return answer instanceof TierAnswer
        ? new TierAnswer(read(answer.answer, outputs()), answer.origin)
        : read(answer, outputs());
    },
    close: () => pixels.close(),
  };

  async function inferPixels(file: Uint8Array, { signal, withinMs }: { signal: AbortSignal; withinMs?: number }) {
    const began = performance.now();
    const text = await pixels.textOf(file, signal);
    signal.throwIfAborted();
    const left = withinMs === undefined ? undefined : Math.max(1, withinMs - (performance.now() - began));
    return texts.infer(text, { signal, withinMs: left });
  }
}

/** Of feeds that are one image file. */
function imageOf(feeds: Tensors): Uint8Array | undefined {
  const [only, ...others] = Object.values(feeds);
  const file: unknown = only?.data[0];
  return others.length === 0 && file instanceof Uint8Array ? file : undefined;
}

/** As `sednaBigModel` asks, with `data` that is JSON already. */
function asked({ host, port, service }: Service): BigModel<Uint8Array> {
  const authority = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const url = `http://${authority}:${port}/${encodeURIComponent(service)}/predict`;
  return {
    async infer(text, { signal, withinMs }) {
      const time = withinMs === undefined ? '' : `,"deadline_ms":${Math.floor(withinMs)}`;
      const body = Buffer.concat([Buffer.from('{"data":'), text, Buffer.from(`,"post_process":null${time}}`)]);
      const headers = { 'content-type': 'application/json' };
      const request = { method: 'POST', headers, body, redirect: 'error', signal } as const;
      const response = await fetch(url, request).catch((error: unknown) => {
        signal.throwIfAborted();
        const { message } = ((error as Error).cause as Error | undefined) ?? (error as Error);
        throw new BigModelError(`${url} cannot be reached: ${message}`, { cause: error });
      });
      const said = await response.text();
      if (response.status === 200) return resultOf(url, said);
      throw new BigModelError(
        `${url} answered ${response.status} ${said.slice(0, 200)}`.trim(),
        blame(response.status),
      );
    },
  };
}

function resultOf(url: string, text: string): unknown {
  try {
    const answer = JSON.parse(text) as { result?: unknown; parameters?: unknown } | null;
    if (typeof answer === 'object' && answer !== null && 'result' in answer) {
      return withOrigin(answer.result, answer.parameters);
    }
  } catch {
    // said below
  }
  throw new BigModelError(`${url} answered no {"result": …} but ${text.slice(0, 200)}`);
}

function read(result: unknown, outputs: readonly TensorInfo[]): Tensors {
  try {
    return outputsOf(result, outputs);
  } catch (error) {
    throw new BigModelError(`the big model's result is not like the little one’s: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
