/** As much of the package as tests of aggregators use; it comes with the client of Kubernetes, without types. */
declare module 'ws' {
  export interface WebSocket {
    /** `sent`: the system has it. */
    send(text: string, sent?: () => void): void;
    close(code?: number, reason?: string): void;
    terminate(): void;
    on(event: 'close', listener: () => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    on(event: 'message', listener: (bytes: Uint8Array) => void): void;
  }

  export class WebSocketServer {
    readonly clients: Set<WebSocket>;
    constructor(options: { port: number; host: string; path: string; maxPayload: number });
    on(event: 'listening', listener: () => void): void;
    on(event: 'connection', listener: (socket: WebSocket) => void): void;
    address(): unknown;
    close(): void;
  }
}
