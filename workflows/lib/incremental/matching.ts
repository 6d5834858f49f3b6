/**
 * The model among a worker's reports that fits a Model: the first of its format (section 5.7). A worker that reports a single
 * model without a format (a file name without extension) means that one.
 */
export function matchingModel<M extends { format: string }>(models: M[], format: string): M | undefined {
  const wanted = format.toLowerCase();
  const found = models.find((model) => model.format.toLowerCase() === wanted);
  const [only] = models;
  return found ?? (models.length === 1 && only?.format === '' ? only : undefined);
}
