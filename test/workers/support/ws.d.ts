/** As much of the package as `sedna-aggregator.ts` uses; it comes with the client of Kubernetes, without types. */
declare module 'ws' {
  export interface WebSocket {
    send(text: string): void;
    close(): void;
    on(event: 'close', listener: () => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    on(event: 'message', listener: (bytes: Uint8Array) => void): void;
  }

  export class WebSocketServer {
    constructor(options: { port: number; host: string; path: string; maxPayload: number });
    on(event: 'listening', listener: () => void): void;
    on(event: 'connection', listener: (socket: WebSocket) => void): void;
  }
}
