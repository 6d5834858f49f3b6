/** The text as one word of a POSIX shell: what is printed to be pasted must survive spaces. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
