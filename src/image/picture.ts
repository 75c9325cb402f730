import { nextTurn } from '../wire/turns.ts';
import { walkGif } from './formats/gif.ts';
import { walkHeif } from './formats/heif.ts';
import { walkJpeg } from './formats/jpeg.ts';
import { walkPng } from './formats/png.ts';
import { PictureError } from './formats/walk.ts';
import type { Walk } from './formats/walk.ts';
import { walkWebp } from './formats/webp.ts';

export { PictureError };

export type PictureType = 'png' | 'jpeg' | 'webp' | 'gif' | 'heic' | 'heif' | 'avif';

/** What a picture's own bytes say about it. Pixels are as stored, before any rotation its Exif may ask for. */
export interface PictureInfo {
  readonly type: PictureType;
  readonly mimeType: string;
  readonly width: number;
  readonly height: number;
  readonly byteLength: number;
  /** Whether it carries a C2PA manifest saying who made it: https://spec.c2pa.org */
  readonly hasProvenance: boolean;
}

export const MIME_TYPES = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  heic: 'image/heic',
  heif: 'image/heif',
  avif: 'image/avif',
} as const satisfies Record<PictureType, string>;

/** The largest phones make 200 million pixels; a picture that claims much more is a bomb. */
export const MAX_PIXELS = 300_000_000;

const PROVENANCE_REACH = 65_536;

const WALKS = {
  png: walkPng,
  jpeg: walkJpeg,
  webp: walkWebp,
  gif: walkGif,
  heic: walkHeif,
  heif: walkHeif,
  avif: walkHeif,
} as const satisfies Record<PictureType, (bytes: Buffer) => Walk>;

const MAGIC: readonly (readonly [PictureType, RegExp])[] = [
  ['png', /^\x89PNG\r\n\x1a\n/],
  ['jpeg', /^\xff\xd8\xff/],
  ['webp', /^RIFF[^]{4}WEBP/],
  ['gif', /^GIF8[79]a/],
];

/** Major brands of an ISO base media file: https://mp4ra.org/registered-types/brands */
const BRANDS = new Map<string, PictureType>([
  ...['avif', 'avis'].map((brand) => [brand, 'avif'] as const),
  ...['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs'].map((brand) => [brand, 'heic'] as const),
  ...['mif1', 'msf1'].map((brand) => [brand, 'heif'] as const),
]);

/** How many bytes `sniff` looks at: the magic, or a `ftyp` box with a dozen brands. */
const SNIFF_BYTES = 64;

/** A picture's type by its first bytes, whatever its label says; 64 are always enough. Null when it is none we know. */
export function sniff(head: Uint8Array): PictureType | null {
  const text = asBuffer(head).toString('latin1', 0, SNIFF_BYTES);
  const magic = MAGIC.find(([, pattern]) => pattern.test(text));
  if (magic) return magic[0];
  if (text.slice(4, 8) !== 'ftyp') return null;
  const major = BRANDS.get(text.slice(8, 12)) ?? null;
  if (major !== 'heif') return major;
  // The general brand says nothing of the coding inside; the brands it is compatible with often do.
  const brands = text.slice(16, asBuffer(head).readUInt32BE(0)).match(/[^]{4}/g) ?? [];
  return brands.map((brand) => BRANDS.get(brand)).find((type) => type === 'avif' || type === 'heic') ?? major;
}

/**
 * Reads a picture's type and pixels from its bytes and walks its structure to the end: PNG chunks with their checksums,
 * JPEG markers to EOI, WebP chunks to the RIFF length, GIF blocks to the trailer, HEIF boxes to the end of the file.
 * Nothing is decoded. Bytes after such an end are no part of the picture and, as in every decoder, do no harm. Gives way
 * to other work every 128 KiB. The bytes must not change meanwhile.
 * Rejects with PictureError when anything is missing or broken.
 */
export async function checkPicture(bytes: Uint8Array): Promise<PictureInfo> {
  const type = sniff(bytes);
  if (type === null) {
    const known = Object.keys(WALKS).join(', ');
    throw new PictureError(
      bytes.length === 0 ? 'the picture is empty' : `the bytes are no picture of a known type (${known})`,
    );
  }
  const walk = WALKS[type](asBuffer(bytes));
  let step = walk.next();
  while (!step.done) {
    await nextTurn();
    step = walk.next();
  }
  const { width, height } = step.value;
  if (width === 0 || height === 0) throw new PictureError('the picture says it has no pixels');
  if (width * height > MAX_PIXELS) {
    throw new PictureError(`the picture says it is ${width}x${height}, more than ${MAX_PIXELS} pixels`);
  }
  // A JUMBF box of that label, which stands before the pixels.
  const hasProvenance = asBuffer(bytes).subarray(0, PROVENANCE_REACH).includes('c2pa');
  return { type, mimeType: MIME_TYPES[type], width, height, byteLength: bytes.length, hasProvenance };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
