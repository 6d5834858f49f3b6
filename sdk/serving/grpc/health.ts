import { status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { InferenceService } from '../service.ts';

/** Values of `ServingStatus`. */
const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

/** Between two looks at what watchers are told. */
const WATCH_MS = 500;

type Watch = ServerWritableStream<object, object>;

/** gRPC's health checking: the empty name is the server, names of models work as well. */
export class HealthAnswers {
  readonly #service: InferenceService;
  readonly #watchers = new Set<Watch>();

  constructor(service: InferenceService) {
    this.#service = service;
  }

  check(call: ServerUnaryCall<object, object>, done: sendUnaryData<object>): void {
    const { service: name } = call.request as { service: string };
    const found = this.#look(name);
    if (found !== undefined) done(null, { status: found });
    else done({ code: status.NOT_FOUND, details: `"${name}" is not served here` });
  }

  watch(call: Watch): void {
    const { service: name } = call.request as { service: string };
    let told: number | undefined;
    const tell = () => {
      const now = this.#look(name) ?? SERVICE_UNKNOWN;
      if (now !== told) call.write({ status: now });
      told = now;
    };
    const timer = setInterval(tell, WATCH_MS).unref();
    this.#watchers.add(call);
    call.on('close', () => {
      clearInterval(timer);
      this.#watchers.delete(call);
    });
    tell();
  }

  /** Tells watchers the last and ends their streams: they would keep a server open. */
  end(): void {
    for (const call of this.#watchers) {
      call.write({ status: NOT_SERVING });
      call.end();
    }
  }

  #look(name: string): number | undefined {
    if (name === '' || name === 'inference.GRPCInferenceService') return this.#service.ready ? SERVING : NOT_SERVING;
    const model = this.#service.models.find((one) => one.name === name);
    return model && (model.version() === undefined ? NOT_SERVING : SERVING);
  }
}
