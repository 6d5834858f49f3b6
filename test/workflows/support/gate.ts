import type { ScriptedNode } from './edge.ts';

/** A gate that scripted workers wait at. */
export function gate(): { open: () => void; opened: Promise<void> } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

/** From now on the stage workers of a node wait before they do anything, until what this gives is called. */
export function holdWorkers(node: ScriptedNode): () => void {
  const { open, opened } = gate();
  const good = node.onRun;
  node.onRun = async (input, name) => {
    await opened;
    return good(input, name);
  };
  return open;
}
