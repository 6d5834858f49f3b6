/** From the output of `kubectl describe` the part that says why: phase, what it waits for, roll-ups that matter, last stage, events. */

const kept = ['Last Round', 'Phase', 'Refused', 'Waiting For'];

/** `text` describes one object. */
export function relevantPart(text: string): string {
  const lines = text.split('\n');
  const from = lines.indexOf('Status:');
  const to = lines.findIndex((line) => line.startsWith('Events:'));
  const blocks = blocksOf(lines.slice(from + 1, to));
  const told = blocks.flatMap((block) => {
    const key = block[0]?.trim().split(':')[0] ?? '';
    if (key === 'Conditions') return ['  Conditions:', ...relevantConditions(block.slice(1))];
    return kept.includes(key) ? block : [];
  });
  // Those of one second come in any order.
  const [title = '', ...table] = lines.slice(to).filter((line) => line.trim() !== '');
  const events = [title, ...table.slice(0, 2), ...table.slice(2).sort()];
  return ['Status:', ...told, ...events].join('\n');
}

/** Members of an object: each begins at the indentation of the first. */
function blocksOf(lines: string[]): string[][] {
  const blocks: string[][] = [];
  for (const line of lines) {
    if (/^ {2}\S/.test(line)) blocks.push([line]);
    else blocks.at(-1)?.push(line);
  }
  return blocks;
}

/** Roll-ups that hold, Available, and the last condition of a stage. Members are sorted, so an item begins where the order begins anew. */
function relevantConditions(lines: string[]): string[] {
  const items: string[][] = [];
  let before = '';
  for (const line of lines) {
    const key = /^ {4}(\S[^:]*):/.exec(line)?.[1];
    if (key !== undefined && (before === '' || key <= before)) items.push([]);
    if (key !== undefined) before = key;
    items.at(-1)?.push(line);
  }
  const has = (item: string[], pattern: RegExp): boolean => item.some((line) => pattern.test(line));
  const stages = items.filter((item) => has(item, /^ {4}Stage:/));
  const rollups = items.filter(
    (item) => !has(item, /^ {4}Stage:/) && (has(item, /Status: +True/) || has(item, /Type: +Available/)),
  );
  return [...rollups, ...stages.slice(-1)].flat();
}
