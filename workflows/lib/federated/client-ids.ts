/** Ids of clients: the index in `spec.trainingWorkers`, zero-padded so that text sorts as numbers do (sums go in this order). Pure. */
export function clientIds(clients: number): string[] {
  const digits = Math.max(2, String(clients - 1).length);
  return Array.from({ length: clients }, (_, index) => String(index).padStart(digits, '0'));
}
