/** What the samples are for. `test` samples carry no labels. */
export type DataType = 'train' | 'eval' | 'valid' | 'test';

/** Samples `x` with their labels `y`, position by position. */
export class BaseDataSource<X = unknown, Y = unknown> {
  readonly dataType: DataType;
  x: X[] = [];
  y: Y[] = [];

  constructor(dataType: DataType = 'train') {
    this.dataType = dataType;
  }

  get length(): number {
    return this.x.length;
  }

  get isTestData(): boolean {
    return this.dataType === 'test';
  }
}
