/** Binary PGM (P5) and PPM (P6) images: https://netpbm.sourceforge.net/doc/pgm.html. */

const HEADER = /^P([56])\s+(?:#[^\n]*\n\s*)*(\d+)\s+(?:#[^\n]*\n\s*)*(\d+)\s+(?:#[^\n]*\n\s*)*(\d+)\s/;
const headerBytes = 1_024;

/** Values from 0 to 1, row by row; of a colour image plane by plane, as networks take them (red, green, blue). */
export function readPortableMap(bytes: Uint8Array, name: string): Float32Array {
  const header = HEADER.exec(Buffer.from(bytes.subarray(0, headerBytes)).toString('latin1'));
  if (header === null) throw new Error(`${name} is no PGM or PPM image (P5 or P6)`);
  const [all, kind, ...sizes] = header;
  const [width = 0, height = 0, most = 0] = sizes.map(Number);
  const planes = kind === '6' ? 3 : 1;
  if (most < 1 || most > 255) throw new Error(`${name}: has ${most} as its largest value; up to 255 can be read`);
  const pixels = width * height;
  const values = bytes.subarray(all.length);
  if (pixels < 1 || values.length < pixels * planes) {
    throw new Error(`${name}: holds ${values.length} bytes, ${width} x ${height} pixels need ${pixels * planes}`);
  }
  return Float32Array.from(
    { length: pixels * planes },
    (_, i) => (values[(i % pixels) * planes + Math.floor(i / pixels)] ?? 0) / most,
  );
}
