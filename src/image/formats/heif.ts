import type { Pixels } from '../size.ts';
import { PictureError } from './walk.ts';
import type { Walk } from './walk.ts';

/** More boxes than any camera writes; so few are walked in a millisecond, without a pause. */
const MAX_BOXES = 10_000;

interface Box {
  readonly name: string;
  readonly body: number;
  readonly end: number;
}

/**
 * The boxes of a HEIC, HEIF or AVIF file to the end of the file. Pixels are those of the largest `ispe` property: tiles and
 * thumbnails are smaller than the picture they belong to. A last box without a length reaches wherever the file ends, so
 * there a cut cannot be seen. ISO/IEC 23008-12, https://aomediacodec.github.io/av1-avif/
 */
// oxlint-disable-next-line require-yield
export function* walkHeif(bytes: Buffer): Walk {
  let count = 0;
  const boxesIn = (start: number, end: number): Box[] => {
    const boxes: Box[] = [];
    for (let at = start; at < end; at = boxes.at(-1)!.end) {
      count += 1;
      if (count > MAX_BOXES) throw new PictureError(`the HEIF file has more than ${MAX_BOXES} boxes`);
      boxes.push(readBox(bytes, at, end));
    }
    return boxes;
  };
  const inside = (parents: readonly Box[], name: string, skip = 0): Box[] =>
    parents.filter((parent) => parent.name === name).flatMap(({ body, end }) => boxesIn(body + skip, end));

  const top = boxesIn(0, bytes.length);
  // A full box: four bytes of version and flags come before what it holds.
  const meta = inside(top, 'meta', 4);
  const properties = inside(inside(meta, 'iprp'), 'ipco');
  const extents = properties.filter(({ name }) => name === 'ispe').map((property) => readExtent(bytes, property));
  const largest = extents.toSorted((one, other) => other.width * other.height - one.width * one.height)[0];
  const hasData =
    top.some(({ name, body, end }) => name === 'mdat' && end > body) || meta.some(({ name }) => name === 'idat');
  if (largest === undefined || !hasData) throw new PictureError('the HEIF file has no picture data');
  return largest;
}

function readBox(bytes: Buffer, at: number, limit: number): Box {
  if (at + 8 > limit) throw new PictureError(`the HEIF file ends in the middle of a box at byte ${at}`);
  const size = bytes.readUInt32BE(at);
  const name = bytes.toString('latin1', at + 4, at + 8);
  // 0: to the end of what holds it. 1: eight more bytes hold the true size.
  const body = at + (size === 1 ? 16 : 8);
  if (body > limit) throw new PictureError(`the HEIF file ends in the middle of a box at byte ${at}`);
  const end = size === 0 ? limit : size === 1 ? at + Number(bytes.readBigUInt64BE(at + 8)) : at + size;
  if (end < body) throw new PictureError(`the HEIF file has a box without a length at byte ${at}`);
  if (end > limit) throw new PictureError(`a HEIF box should reach to byte ${end}, but what holds it ends at ${limit}`);
  return { name, body, end };
}

function readExtent(bytes: Buffer, { body, end }: Box): Pixels {
  if (body + 12 > end) throw new PictureError(`the HEIF file has a picture size too short at byte ${body}`);
  return { width: bytes.readUInt32BE(body + 4), height: bytes.readUInt32BE(body + 8) };
}
