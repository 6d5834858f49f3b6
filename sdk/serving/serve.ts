import type { AddressInfo } from 'node:net';
import { createInferenceServer } from './oip.ts';
import type { ServedModel } from './served-model.ts';

export interface ServeOptions {
  models: readonly ServedModel[];
  /** Default: 127.0.0.1, any free port. */
  http?: { host?: string; port?: number };
}

export interface InferenceServer {
  readonly ports: { readonly http: number; readonly grpc?: number };
  /** Graceful: running requests are answered, new ones refused with 503; then everything the models hold is freed. Closing twice is allowed. */
  close(): Promise<void>;
}

/** Serves models over the Open Inference Protocol v2; resolves once it listens. */
export async function serve({ models, http = {} }: ServeOptions): Promise<InferenceServer> {
  const server = createInferenceServer({ models });
  await server.listen({ host: http.host ?? '127.0.0.1', port: http.port ?? 0 });
  const { port } = server.server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await server.close();
    await Promise.all(models.map(async (model) => model.close?.()));
  };
  return { ports: { http: port }, close: () => (closing ??= close()) };
}
