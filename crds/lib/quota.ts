/** Sizes on disk. Apart from the schemas: who only computes with them need not load those. */

export const QUANTITY = /^([1-9][0-9]{0,14})(Ki|Mi|Gi|Ti|k|M|G|T)?$/;

/** Of deferred answers: below it, nothing fits beside what a database needs for itself. */
export const LEAST_QUOTA = '4Mi';

const units: Record<string, number> = {
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
};

/** Bytes of a size as {@link QUANTITY} accepts it. */
export function quantityBytes(text: string): number {
  const [, count = '0', unit = ''] = QUANTITY.exec(text) ?? [];
  return Number(count) * (units[unit] ?? 1);
}
