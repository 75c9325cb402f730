import { crc32 } from 'node:zlib';
import type { Pixels } from '../size.ts';
import { need, PictureError, SLICE } from './walk.ts';
import type { Walk } from './walk.ts';

const SIGNATURE_BYTES = 8;
const IHDR_BYTES = 13;

/** Legal bit depths by colour type. */
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

/** Every chunk with its CRC, from IHDR to IEND. https://www.w3.org/TR/png-3/#5DataRep */
export function* walkPng(bytes: Buffer): Walk {
  let pixels: Pixels | null = null;
  let hasData = false;
  let pauseAt = SLICE;
  for (let at = SIGNATURE_BYTES; ;) {
    need(bytes, at + 12, 'a PNG chunk');
    const name = bytes.toString('latin1', at + 4, at + 8);
    if (!/^[A-Za-z]{4}$/.test(name)) throw new PictureError(`the PNG has no chunk name at byte ${at + 4}`);
    const body = at + 8;
    const end = body + bytes.readUInt32BE(at);
    need(bytes, end + 4, `the PNG chunk ${name}`);
    if ((yield* checksum(bytes, at + 4, end)) !== bytes.readUInt32BE(end)) {
      throw new PictureError(`the PNG chunk ${name} at byte ${at} does not match its checksum`);
    }
    if ((name === 'IHDR') !== (pixels === null))
      throw new PictureError(`the PNG chunk ${name} at byte ${at} is out of place`);
    if (name === 'IHDR') pixels = readHeader(bytes.subarray(body, end));
    if (name === 'IDAT') hasData ||= end > body;
    at = end + 4;
    if (name === 'IEND') break;
    if (at >= pauseAt) {
      pauseAt = at + SLICE;
      yield;
    }
  }
  if (pixels === null || !hasData) throw new PictureError('the PNG has no picture data');
  return pixels;
}

function readHeader(header: Buffer): Pixels {
  if (header.length !== IHDR_BYTES)
    throw new PictureError(`the PNG header has ${header.length} bytes instead of ${IHDR_BYTES}`);
  const [depth, colour, compression, filter, interlace] = header.subarray(8);
  const legal = DEPTHS[colour!]?.includes(depth!) && compression === 0 && filter === 0 && interlace! <= 1;
  if (!legal) throw new PictureError('the PNG header names a pixel format that does not exist');
  return { width: header.readUInt32BE(0), height: header.readUInt32BE(4) };
}

function* checksum(bytes: Buffer, start: number, end: number): Generator<void, number, void> {
  let crc = crc32(bytes.subarray(start, Math.min(start + SLICE, end)));
  for (let at = start + SLICE; at < end; at += SLICE) {
    yield;
    crc = crc32(bytes.subarray(at, Math.min(at + SLICE, end)), crc);
  }
  return crc;
}
