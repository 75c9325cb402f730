import type { Pixels } from '../size.ts';
import { need, PictureError, SLICE } from './walk.ts';
import type { Walk } from './walk.ts';

/** The byte after 0xFF that makes a marker. ITU-T T.81, table B.1: https://www.w3.org/Graphics/JPEG/itu-t81.pdf */
const FILL = 0xff;
const TEM = 0x01;
const SOF0 = 0xc0;
const DHT = 0xc4;
const JPG = 0xc8;
const DAC = 0xcc;
const SOF15 = 0xcf;
const RST0 = 0xd0;
const RST7 = 0xd7;
const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;

/**
 * Every marker and segment from SOI to EOI: metadata of any kind (Exif, C2PA in APP11), one frame, one scan or, in a
 * progressive picture, many. What follows EOI is another picture's (a phone's depth map) and not looked at.
 */
export function* walkJpeg(bytes: Buffer): Walk {
  let pixels: Pixels | null = null;
  let hasScan = false;
  let pauseAt = SLICE;
  for (let at = 2; ;) {
    if (at >= pauseAt) {
      pauseAt = at + SLICE;
      yield;
    }
    need(bytes, at + 2, 'a JPEG marker');
    if (bytes[at] !== 0xff) throw new PictureError(`the JPEG has no marker at byte ${at}`);
    const marker = bytes[at + 1]!;
    if (marker === EOI) break;
    if (marker === FILL || marker === TEM) {
      at += marker === FILL ? 1 : 2;
      continue;
    }
    if (marker < SOF0 || (marker >= RST0 && marker <= SOI)) {
      throw new PictureError(`the JPEG has a marker that does not belong there at byte ${at}`);
    }
    need(bytes, at + 4, 'a JPEG segment');
    const body = at + 4;
    const end = at + 2 + bytes.readUInt16BE(at + 2);
    if (end < body) throw new PictureError(`the JPEG has a segment without a length at byte ${at}`);
    need(bytes, end, 'a JPEG segment');
    if (isFrame(marker)) {
      if (pixels !== null) throw new PictureError(`the JPEG has a second frame at byte ${at}`);
      pixels = readFrame(bytes.subarray(body, end), at);
    }
    at = end;
    if (marker === SOS) {
      if (pixels === null) throw new PictureError(`the JPEG has a scan before its frame, ending at byte ${at}`);
      hasScan = true;
      at = yield* skipScan(bytes, at);
    }
  }
  if (pixels === null || !hasScan) throw new PictureError('the JPEG has no picture data');
  return pixels;
}

function isFrame(marker: number): boolean {
  return marker >= SOF0 && marker <= SOF15 && marker !== DHT && marker !== JPG && marker !== DAC;
}

function readFrame(frame: Buffer, at: number): Pixels {
  const components = frame[5] ?? 0;
  if (components === 0 || frame.length !== 6 + 3 * components) {
    throw new PictureError(`the JPEG has a frame header of the wrong length at byte ${at}`);
  }
  return { width: frame.readUInt16BE(3), height: frame.readUInt16BE(1) };
}

/** Entropy-coded data up to the marker that ends it, and where that is: stuffed zeros, restarts and fill are part of it. */
function* skipScan(bytes: Buffer, start: number): Generator<void, number, void> {
  let pauseAt = start + SLICE;
  for (let at = start; ;) {
    const found = bytes.indexOf(0xff, at);
    if (found === -1 || found + 1 === bytes.length) {
      throw new PictureError(`the JPEG ends at byte ${bytes.length} in the middle of its picture data`);
    }
    const marker = bytes[found + 1]!;
    const isData = marker === 0 || marker === FILL || (marker >= RST0 && marker <= RST7);
    if (!isData) return found;
    at = found + (marker === FILL ? 1 : 2);
    if (at >= pauseAt) {
      pauseAt = at + SLICE;
      yield;
    }
  }
}
