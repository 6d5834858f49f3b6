/** A memory that threads share. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}

/** What is used of the platform's WebAssembly, which the type libraries know for browsers only. */
export interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: { env: { memory: SharedMemory } }) => { exports: unknown };
  Memory: new (pages: { initial: number; maximum: number; shared: true }) => SharedMemory;
  validate(bytes: Uint8Array): boolean;
}

/** Throws where the platform has none. */
export function webAssembly(): WebAssemblyApi {
  const found = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
  if (!found) throw new Error('this platform has no WebAssembly; use the kernel with wasm: false');
  return found;
}

/** Bytes of a page of memory. */
export const PAGE = 65_536;

export function sharedMemory(bytes: number): SharedMemory {
  const pages = Math.ceil(bytes / PAGE);
  const { Memory } = webAssembly();
  return new Memory({ initial: pages, maximum: pages, shared: true });
}
