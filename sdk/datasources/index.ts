export { readCsv } from './csv.ts';
export type { CsvOptions, CsvRecord } from './csv.ts';
export { BaseDataSource } from './data-source.ts';
export type { DataType } from './data-source.ts';
export { readJson } from './json.ts';
export type { JsonOptions } from './json.ts';
export { readTxt } from './txt.ts';
export type { TxtOptions, TxtRow } from './txt.ts';
