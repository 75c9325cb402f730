import type { Pixels } from '../size.ts';
import { need, PictureError, SLICE } from './walk.ts';
import type { Walk } from './walk.ts';

/** Every chunk up to the length its RIFF header names. https://developers.google.com/speed/webp/docs/riff_container */
export function* walkWebp(bytes: Buffer): Walk {
  need(bytes, 12, 'the WebP header');
  const fileEnd = 8 + bytes.readUInt32LE(4);
  need(bytes, fileEnd, 'the WebP');
  let pixels: Pixels | null = null;
  let hasData = false;
  let pauseAt = SLICE;
  for (let at = 12; at < fileEnd;) {
    if (at + 8 > fileEnd) throw new PictureError(`the WebP has half a chunk at byte ${at}`);
    const name = bytes.toString('latin1', at, at + 4);
    const body = at + 8;
    const end = body + bytes.readUInt32LE(at + 4);
    if (end > fileEnd) throw new PictureError(`the WebP chunk at byte ${at} reaches beyond the picture`);
    // The first chunk decides: a canvas (VP8X) is what the pictures in it are drawn on.
    pixels ??= readPixels(name, bytes.subarray(body, end), at);
    hasData ||= (name === 'VP8 ' || name === 'VP8L' || name === 'ANMF') && end > body;
    at = end + (end % 2);
    if (at >= pauseAt) {
      pauseAt = at + SLICE;
      yield;
    }
  }
  if (pixels === null || !hasData) throw new PictureError('the WebP has no picture data');
  return pixels;
}

function readPixels(name: string, chunk: Buffer, at: number): Pixels {
  if (name === 'VP8X' && chunk.length >= 10) {
    return { width: 1 + chunk.readUIntLE(4, 3), height: 1 + chunk.readUIntLE(7, 3) };
  }
  // https://www.rfc-editor.org/rfc/rfc9649.html#section-3.4: one bit of signature byte 0x2f, then 14 bits for each side less one.
  if (name === 'VP8L' && chunk.length >= 5 && chunk[0] === 0x2f) {
    const sides = chunk.readUInt32LE(1);
    return { width: 1 + (sides & 0x3fff), height: 1 + ((sides >>> 14) & 0x3fff) };
  }
  // https://www.rfc-editor.org/rfc/rfc6386.html#section-9.1: a key frame, its start code, then 14 bits for each side.
  if (name === 'VP8 ' && chunk.length >= 10 && (chunk[0]! & 1) === 0 && chunk.readUIntBE(3, 3) === 0x9d012a) {
    return { width: chunk.readUInt16LE(6) & 0x3fff, height: chunk.readUInt16LE(8) & 0x3fff };
  }
  throw new PictureError(`the WebP does not begin with a picture at byte ${at}`);
}
