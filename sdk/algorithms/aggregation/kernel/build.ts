/**
 * `node sdk/algorithms/aggregation/kernel/build.ts`: kernel.wat → wasm-binary.ts. Needs `npm install --no-save wabt@1.0.39`; nothing
 * else does, because the result is kept in the repository together with the digest of its source.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

interface Wabt {
  parseWat(
    name: string,
    source: string,
    features: Record<string, boolean>,
  ): { toBinary(options: object): { buffer: Uint8Array } };
}

const source = readFileSync(new URL('./kernel.wat', import.meta.url), 'utf8');
const name = process.argv[2] ?? 'wabt';
const { default: load } = (await import(name)) as { default: () => Promise<Wabt> };
const { buffer } = (await load()).parseWat('kernel.wat', source, { simd: true, threads: true }).toBinary({});

const base64 = Buffer.from(buffer).toString('base64');
const digest = createHash('sha256').update(source).digest('hex');
const lines = [
  '// Written by build.ts from kernel.wat. Do not edit.',
  `export const SOURCE_SHA256 = '${digest}';`,
  'export const WASM_BASE64 =',
  `${(base64.match(/.{1,110}/g) ?? []).map((part) => `  '${part}'`).join(' +\n')};`,
];
writeFileSync(new URL('./wasm-binary.ts', import.meta.url), `${lines.join('\n')}\n`);
