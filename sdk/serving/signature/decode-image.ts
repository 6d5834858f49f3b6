import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import { ImageError, type Image } from './image.ts';

/** Pixels of an image at most: a few bytes can declare gigabytes. */
const MAX_PIXELS = 64_000_000;
const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Frame headers of JPEG: baseline, extended, progressive. */
const SIZE_MARKERS = new Set([0xc0, 0xc1, 0xc2]);

/** Reads a JPEG or PNG file. Transparency is dropped, 16 bits become 8, the orientation of EXIF is not applied. Refuses anything else. */
export function decodeImage(file: Uint8Array): Image {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const kind = kindOf(bytes);
  if (!kind) throw new ImageError('is neither JPEG nor PNG');
  checkSize(kind.size(bytes));
  try {
    return withoutAlpha(kind.decode(bytes));
  } catch (error) {
    throw new ImageError(`cannot be decoded: ${error instanceof Error ? error.message : String(error)}`);
  }
}

interface Kind {
  size: (bytes: Buffer) => Size | undefined;
  decode: (bytes: Buffer) => { width: number; height: number; data: Uint8Array };
}

function kindOf(bytes: Buffer): Kind | undefined {
  if (bytes.subarray(0, 8).equals(PNG_SIGNATURE)) return { size: pngSize, decode: (png) => PNG.sync.read(png) };
  return bytes[0] === 0xff && bytes[1] === 0xd8 ? { size: jpegSize, decode: decodeJpeg } : undefined;
}

/** Before anything is allocated for it. */
function checkSize(size: Size | undefined): void {
  if (!size) throw new ImageError('has no size: it is cut off or of a kind that is not read');
  const { width, height } = size;
  if (width > 0 && height > 0 && width * height <= MAX_PIXELS) return;
  throw new ImageError(`has ${width} × ${height} pixels; at most ${MAX_PIXELS} are read`);
}

const decodeJpeg = (bytes: Buffer) =>
  jpeg.decode(bytes, { useTArray: true, tolerantDecoding: false, maxResolutionInMP: 64, maxMemoryUsageInMB: 1_024 });

interface Size {
  width: number;
  height: number;
}

function pngSize(bytes: Buffer): Size | undefined {
  return bytes.length < 24 ? undefined : { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

/** Of the first frame header: segments before it are stepped over. */
function jpegSize(bytes: Buffer): Size | undefined {
  for (let at = 2; at + 9 < bytes.length;) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1] ?? 0;
    if (SIZE_MARKERS.has(marker)) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    at += marker === 0xff ? 1 : 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}

function withoutAlpha({ width, height, data }: { width: number; height: number; data: Uint8Array }): Image {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = data[from] ?? 0;
    rgb[to + 1] = data[from + 1] ?? 0;
    rgb[to + 2] = data[from + 2] ?? 0;
  }
  return { width, height, data: rgb };
}
