import { need, PictureError, SLICE } from './walk.ts';
import type { Walk } from './walk.ts';

const EXTENSION = 0x21;
const IMAGE = 0x2c;
const TRAILER = 0x3b;

/** Every block from the logical screen to the trailer. https://www.w3.org/Graphics/GIF/spec-gif89a.txt */
export function* walkGif(bytes: Buffer): Walk {
  need(bytes, 13, 'the GIF header');
  let hasImage = false;
  let inData = false;
  let pauseAt = SLICE;
  for (let at = 13 + colourTableBytes(bytes[10]!); ;) {
    if (at >= pauseAt) {
      pauseAt = at + SLICE;
      yield;
    }
    need(bytes, at + 1, 'a GIF block');
    const first = bytes[at]!;
    if (inData) {
      // A block's data come in pieces, each after its length in one byte; a piece without length ends them.
      at += 1 + first;
      inData = first > 0;
      continue;
    }
    if (first === TRAILER) break;
    if (first === IMAGE) {
      need(bytes, at + 10, 'a GIF image');
      // Ten bytes of descriptor, its own colours, one byte of code size.
      at += 11 + colourTableBytes(bytes[at + 9]!);
      hasImage = true;
    } else if (first === EXTENSION) {
      at += 2;
    } else {
      throw new PictureError(`the GIF has no block at byte ${at}`);
    }
    inData = true;
  }
  if (!hasImage) throw new PictureError('the GIF has no picture data');
  return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
}

function colourTableBytes(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}
