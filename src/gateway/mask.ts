import { GatewayError } from '../errors.ts';
import { decodedPixels, keepsPixels, maskFacts, MOST_MASKED_PIXELS } from '../image/composition.ts';
import { withWarnings } from '../image/delivery.ts';
import { checkPicture, PictureError } from '../image/picture.ts';
import type { ImageRequest, Masked, PictureFormat, PicturePart } from '../image/request.ts';
import { Base64Error, decodeBase64 } from '../wire/base64.ts';

/**
 * The request and the format it is answered in, where it has a mask: one that loses nothing, or the one that was named,
 * with a warning. Without a mask both are as they were. Throws as `checkMask` does.
 */
export async function withMask(
  request: ImageRequest,
  format: PictureFormat | null,
): Promise<{ readonly request: ImageRequest; readonly format: PictureFormat | null }> {
  const { delivery } = request;
  if (delivery.masked === null) return { request, format };
  await checkMask(delivery.masked);
  if (format === null || keepsPixels(format, delivery.compression)) return { request, format: format ?? 'png' };
  const smaller = format === 'webp' ? `As webp of output_compression ${delivery.compression}` : `As ${format}`;
  const lossy = `${smaller} the pixels outside the mask are nearly what they were; as png they are exactly that.`;
  return { request: withWarnings(request, [lossy]), format };
}

/** Throws `invalid_request` naming the field where a mask and its picture cannot go together: before anything is paid. */
async function checkMask({ picture, mask }: Masked): Promise<void> {
  const { width, height } = await look(picture, decodedPixels);
  const facts = await look(mask, maskFacts);
  if (facts.width !== width || facts.height !== height) {
    const sizes = `${width}x${height}, is ${facts.width}x${facts.height}`;
    throw refused(mask, `must have as many pixels as the first picture: ${sizes}`);
  }
  if (!facts.edits)
    throw refused(mask, 'must be transparent where the picture is to be edited, and is opaque everywhere');
}

async function look<T>(part: PicturePart, into: (bytes: Uint8Array) => Promise<T>): Promise<T> {
  try {
    const bytes = await decodeBase64(part.data);
    const { width, height } = await checkPicture(bytes);
    if (width * height <= MOST_MASKED_PIXELS) return await into(bytes);
  } catch (error) {
    if (error instanceof Base64Error) throw refused(part, `must be base64: ${error.message}`, error);
    if (error instanceof PictureError) throw refused(part, `must be a whole picture: ${error.message}`, error);
    throw error;
  }
  throw refused(part, `must have at most ${MOST_MASKED_PIXELS} pixels to be edited by a mask`);
}

function refused({ named = 'mask' }: PicturePart, sentence: string, cause?: unknown): GatewayError {
  const detail = { param: named, code: 'invalid_image_file' };
  return new GatewayError('invalid_request', `${named} ${sentence}.`, detail, cause);
}
