/** Many things in one sentence. Pure. */

/** What a person reads; a message of thousands of clients would be refused by nobody and read by nobody. */
const named = 20;

/** The first ones, and how many others there are. */
export function listed(items: string[], separator: string): string {
  if (items.length <= named) return items.join(separator);
  return `${items.slice(0, named).join(separator)}${separator}and ${items.length - named} more`;
}
