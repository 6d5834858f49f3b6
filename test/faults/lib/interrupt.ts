/** A campaign that is told to end takes along what it has started: nothing of it runs on, nothing stays mounted. */
const open = new Set<() => Promise<void>>();
let listens = false;

/** Calls `close` when the campaign is interrupted, until the function that this returns is called. */
export function closedOnInterrupt(close: () => Promise<void>): () => void {
  if (!listens) for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interrupted(name));
  listens = true;
  open.add(close);
  return () => void open.delete(close);
}

let ending = false;

function interrupted(name: NodeJS.Signals): void {
  if (ending) return;
  ending = true;
  console.error(`${name}: the stack is taken down`);
  void Promise.allSettled([...open].map((close) => close())).then(() => process.exit(name === 'SIGINT' ? 130 : 143));
}
