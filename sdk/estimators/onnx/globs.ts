/** Whether the name fits one of the globs: `*` stands for any characters, dots and slashes too, all else for itself. */
export function matchesAny(name: string, globs: readonly string[]): boolean {
  return globs.some((glob) => new RegExp(`^${glob.split('*').map(escape).join('.*')}$`, 's').test(name));
}

function escape(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
}
