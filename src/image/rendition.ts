import { availableParallelism } from 'node:os';
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { GatewayError } from '../errors.ts';
import { PictureError, sniff } from './picture.ts';
import type { PictureType } from './picture.ts';
import type { Delivery, PictureFormat } from './request.ts';
import type { Pixels } from './size.ts';

/** More than twice what any model draws (12288x1536); a picture of this many takes some 200 MB to convert. */
const MAX_DECODED_PIXELS = 50_000_000;
const TIMEOUT_SECONDS = 60;
const MAX_WAITING = 256;
const RETRY_AFTER_SECONDS = 5;

/** From here on JPEG keeps colours at full resolution: whoever asks for that quality wants no fringes on red text. */
const FULL_CHROMA_QUALITY = 90;

// One thread for one picture: our own queue decides how many cores are busy. Nothing is converted twice, so nothing is kept.
sharp.concurrency(1);
sharp.cache(false);

let atOnce = availableParallelism();
let running = 0;
const waiting: (() => void)[] = [];

/** How many pictures may be converted at the same time, in the whole process; to be set once, at the start. */
export function limitRenditions(limit: number): void {
  atOnce = limit;
}

/**
 * Whether a picture of this type must be converted to be what the caller asked for. Compression 100 is what OpenAI
 * means by none, and PNG has none to choose: both leave the vendor's bytes as they are.
 */
export function needsRendition(type: PictureType, want: Pick<Delivery, 'format' | 'compression'>): boolean {
  if (want.format !== null && want.format !== type) return true;
  const isLossy = type === 'jpeg' || type === 'webp';
  return isLossy && want.compression !== null && want.compression < 100;
}

/**
 * The same picture in another format. `compression` is OpenAI's `output_compression`, 0 to 100: in truth a quality, 100
 * (or null) the best and largest. Given to sharp as it is, 0 as 1; PNG ignores it.
 * https://platform.openai.com/docs/api-reference/images/create
 *
 * Kept: colours with their ICC profile (CMYK becomes RGB, 16 bits become 8), and XMP, where the IPTC mark of a generated
 * picture stands. Applied and then dropped: the Exif orientation. Dropped: all other Exif, and C2PA provenance, which signs
 * the very bytes that are converted: the caller has to say so. Of an animation the first frame remains, and
 * transparency becomes white in JPEG.
 *
 * `width`: the most pixels it may be wide, in its proportions. It is never enlarged. `exact`: the pixels it has in the
 * end: scaled until it covers them, and cropped around its middle.
 *
 * Decoding is strict and full, off the event loop: a picture that is broken anywhere rejects with PictureError.
 * Rejects with GatewayError `unavailable` when too many wait.
 */
export async function transcode(
  bytes: Uint8Array,
  want: {
    readonly format: PictureFormat;
    readonly compression: number | null;
    readonly width?: number;
    readonly exact?: Pixels | null;
  },
): Promise<Buffer> {
  // sharp also opens SVG, PDF and more, none of which comes near it.
  if (sniff(bytes) === null) throw new PictureError('the bytes are no picture of a known type');
  return inTurn(() => {
    const picture = sharp(bytes, { limitInputPixels: MAX_DECODED_PIXELS }).autoOrient().keepIccProfile().keepXmp();
    if (want.exact) picture.resize({ ...want.exact, fit: 'cover' });
    else if (want.width !== undefined) picture.resize({ width: want.width, withoutEnlargement: true });
    return encodePicture(picture, want);
  });
}

/**
 * Raw pixels (8 bits a channel, RGB or RGBA, row by row) as a picture; with `scaleTo` each pixel is enlarged to a hard-edged
 * rectangle, so a few pixels make a picture of any size. The same input gives the same bytes.
 */
export async function encodePixels(
  raw: {
    readonly data: Uint8Array;
    readonly width: number;
    readonly height: number;
    readonly channels: 3 | 4;
    readonly scaleTo?: Pixels;
  },
  format: PictureFormat,
): Promise<Buffer> {
  const { data, width, height, channels, scaleTo } = raw;
  return inTurn(() => {
    const picture = sharp(data, { raw: { width, height, channels }, limitInputPixels: MAX_DECODED_PIXELS });
    if (scaleTo) picture.resize(scaleTo.width, scaleTo.height, { kernel: 'nearest', fit: 'fill' });
    return encodePicture(picture, { format, compression: null });
  });
}

/** Writes it down. Others than those of this file call it in their turn. */
export function encodePicture(
  picture: Sharp,
  want: { readonly format: PictureFormat; readonly compression: number | null; readonly lossless?: boolean },
): Promise<Buffer> {
  const { lossless = false } = want;
  const quality = Math.max(1, want.compression ?? 100);
  const formats = {
    png: () => picture.png(),
    jpeg: () =>
      picture
        .flatten({ background: 'white' })
        .jpeg({ quality, chromaSubsampling: quality >= FULL_CHROMA_QUALITY ? '4:4:4' : '4:2:0' }),
    // Exact keeps the colours that nobody sees, where a picture is transparent.
    webp: () => (lossless ? picture.webp({ lossless, exact: true }) : picture.webp({ quality })),
  } as const satisfies Record<PictureFormat, () => Sharp>;
  return formats[want.format]().timeout({ seconds: TIMEOUT_SECONDS }).toBuffer();
}

/**
 * Does work on pictures when it is its turn. A slot is handed on from who leaves it to who waited longest, so nobody
 * overtakes. What the work rejects with becomes a PictureError. Rejects with GatewayError `unavailable` when too many wait.
 */
export async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running < atOnce) running += 1;
  else if (waiting.length < MAX_WAITING) await new Promise<void>((go) => waiting.push(go));
  else {
    const advice = 'Try again, or take the format as drawn.';
    throw new GatewayError('unavailable', `Too many pictures are waiting to be converted. ${advice}`, {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    throw new PictureError(`the picture cannot be converted: ${reason}`, { cause: error });
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}
