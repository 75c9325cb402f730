import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { nextTurn } from '../wire/turns.ts';
import { PictureError } from './picture.ts';
import { encodePicture, inTurn } from './rendition.ts';
import type { PictureFormat } from './request.ts';
import type { Pixels } from './size.ts';

// A masked edit: what was drawn, laid into the picture it was drawn from where the mask is transparent, and nowhere else.

/** Of the picture and so of its mask; with what is drawn some 300 MB are held while they are put together. */
export const MOST_MASKED_PIXELS = 25_000_000;

/** Pixels blended between two turns of the event loop: some milliseconds. */
const TURN_PIXELS = 1 << 17;
const OPAQUE = 255;

/**
 * The pixels of a picture as it is shown, once all of it was decoded: what cannot be would be found out only when the edit
 * was paid. Rejects with PictureError, and with GatewayError `unavailable` when too many wait.
 */
export async function decodedPixels(picture: Uint8Array): Promise<Pixels> {
  return inTurn(async () => {
    const { autoOrient } = await opened(picture).metadata();
    await opened(picture).resize(8, 8, { fastShrinkOnLoad: false }).raw().toBuffer();
    return autoOrient;
  });
}

export interface MaskFacts extends Pixels {
  /** Whether a single pixel is to be edited. */
  readonly edits: boolean;
}

/** What a mask says. Rejects as `decodedPixels` does. */
export async function maskFacts(mask: Uint8Array): Promise<MaskFacts> {
  return inTurn(async () => {
    const { data, width, height } = await alphaOf(mask);
    return { width, height, edits: !data.equals(Buffer.alloc(data.length, OPAQUE)) };
  });
}

/** Whether a masked edit is written with every pixel as it is: as PNG, and as WebP that is not asked to be smaller. */
export function keepsPixels(format: PictureFormat, compression: number | null): boolean {
  return format === 'png' || (format === 'webp' && (compression ?? 100) === 100);
}

/**
 * What was drawn in the pixels of the picture. Where the mask is opaque every pixel is the picture's own, to the last bit
 * of its 8 in a channel, in its own colour profile; where alpha is less, the drawn one shows, from the edge of the mask
 * inwards over a few pixels. The drawn picture is scaled to the size of the other. `compression`: as in `transcode`.
 *
 * Decoding is strict and full, off the event loop; the blending takes turns on it. Rejects as `decodedPixels` does.
 */
export async function compose(
  {
    drawn,
    mask,
    picture: sent,
  }: { readonly drawn: Uint8Array; readonly picture: Uint8Array; readonly mask: Uint8Array },
  { format, compression }: { readonly format: PictureFormat; readonly compression: number | null },
): Promise<Buffer> {
  const want = { format, compression, lossless: keepsPixels(format, compression) };
  return inTurn(async () => {
    const picture = await inThreeColours(sent);
    const original = await opened(picture).autoOrient().toColourspace('srgb').ensureAlpha().raw().toBuffer(WHOLE);
    const { width, height, hasAlpha } = { ...original.info, hasAlpha: await isTransparent(picture) };
    const [weights, patch] = await Promise.all([
      softened(await alphaOf(mask), { width, height }),
      opened(drawn)
        .autoOrient()
        .resize(width, height, { fit: 'fill' })
        .toColourspace('srgb')
        .removeAlpha()
        .raw()
        .toBuffer(),
    ]);
    const { colours, alpha } = await blend(original.data, patch, weights);
    // The pixels of the picture itself are laid over by those put together: so its profile and marks stay what they were.
    const opaque = opened(picture)
      .autoOrient()
      .keepIccProfile()
      .keepXmp()
      .removeAlpha()
      .composite([{ input: colours, raw: { width, height, channels: 3 }, blend: 'source' }]);
    if (!hasAlpha) return encodePicture(opaque, want);
    const plain = await opaque.png({ compressionLevel: 0 }).toBuffer();
    const whole = opened(plain).keepIccProfile().keepXmp();
    return encodePicture(whole.joinChannel(alpha, { raw: { width, height, channels: 1 } }), want);
  });
}

const WHOLE = { resolveWithObject: true } as const;

interface Plane extends Pixels {
  readonly data: Buffer;
}

/** Colours as they are stored: a profile that were applied would change them by a bit, here and there. */
function opened(bytes: Uint8Array): Sharp {
  return sharp(bytes, { limitInputPixels: 2 * MOST_MASKED_PIXELS, ignoreIcc: true });
}

/** Inks are no pixels that a PNG could hold: the picture is then what its profile shows it as. */
async function inThreeColours(bytes: Uint8Array): Promise<Uint8Array> {
  if ((await opened(bytes).metadata()).space !== 'cmyk') return bytes;
  const picture = sharp(bytes, { limitInputPixels: 2 * MOST_MASKED_PIXELS })
    .autoOrient()
    .toColourspace('srgb');
  return picture.png({ compressionLevel: 0 }).toBuffer();
}

async function isTransparent(bytes: Uint8Array): Promise<boolean> {
  return (await opened(bytes).metadata()).hasAlpha;
}

async function alphaOf(mask: Uint8Array): Promise<Plane> {
  const { data, info } = await opened(mask)
    .autoOrient()
    .toColourspace('srgb')
    .ensureAlpha()
    .extractChannel('alpha')
    .raw()
    .toBuffer(WHOLE);
  return { data, width: info.width, height: info.height };
}

/**
 * How much of the drawn picture shows in each pixel, 0 to 255. An edge fades inwards, never outwards; where hardly
 * anything would be left, of a mask as thin as a hair, it stays hard.
 */
async function softened(alpha: Plane, { width, height }: Pixels): Promise<Buffer> {
  if (alpha.width !== width || alpha.height !== height)
    throw new PictureError(`the mask is ${alpha.width}x${alpha.height} and its picture ${width}x${height}`);
  const hard = Buffer.allocUnsafeSlow(alpha.data.length);
  await inTurns(hard.length, (from, to) => {
    for (let at = from; at < to; at += 1) hard[at] = OPAQUE - alpha.data[at]!;
  });
  const sigma = Math.min(6, Math.max(1, Math.min(width, height) / 256));
  const blurred = await sharp(hard, { raw: { width, height, channels: 1 } })
    .blur(sigma)
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  const soft = Buffer.alloc(hard.length);
  let hardSum = 0;
  let softSum = 0;
  await inTurns(hard.length, (from, to) => {
    for (let at = from; at < to; at += 1) {
      const inwards = Math.max(0, 2 * blurred[at]! - OPAQUE);
      soft[at] = Math.round((hard[at]! * inwards) / OPAQUE);
      hardSum += hard[at]!;
      softSum += soft[at]!;
    }
  });
  return softSum * 2 < hardSum ? hard : soft;
}

/** RGBA under RGB. Where nothing of the upper shows the lower stays what it is; where all of it does, it is opaque. */
async function blend(
  lower: Buffer,
  upper: Buffer,
  weights: Buffer,
): Promise<{ readonly colours: Buffer; readonly alpha: Buffer }> {
  const colours = Buffer.allocUnsafeSlow(weights.length * 3);
  const alpha = Buffer.allocUnsafeSlow(weights.length);
  const mixed = (below: number, above: number, weight: number): number =>
    Math.round((below * (OPAQUE - weight) + above * weight) / OPAQUE);
  await inTurns(weights.length, (from, to) => {
    for (let at = from; at < to; at += 1) {
      const weight = weights[at]!;
      for (let channel = 0; channel < 3; channel += 1)
        colours[at * 3 + channel] = mixed(lower[at * 4 + channel]!, upper[at * 3 + channel]!, weight);
      alpha[at] = mixed(lower[at * 4 + 3]!, OPAQUE, weight);
    }
  });
  return { colours, alpha };
}

async function inTurns(count: number, work: (from: number, to: number) => void): Promise<void> {
  for (let from = 0; from < count; from += TURN_PIXELS) {
    work(from, Math.min(count, from + TURN_PIXELS));
    await nextTurn();
  }
}
