import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { crc32 } from 'node:zlib';
import type { PictureType } from '../../src/image/picture.ts';

export interface Sample {
  readonly type: PictureType;
  readonly bytes: Buffer;
  readonly width: number;
  readonly height: number;
}

const WIDTH = 24;
const HEIGHT = 10;

/** A small picture with colours and edges enough to make every coder work. */
export function drawing(channels: 3 | 4, width = WIDTH, height = HEIGHT): Sharp {
  const data = Buffer.alloc(width * height * channels);
  for (let at = 0; at < data.length; at += channels) {
    const pixel = at / channels;
    data.set([(pixel * 7) % 256, (pixel * 31) % 256, (pixel >> 3) % 256, 255 - (pixel % 200)].slice(0, channels), at);
  }
  return sharp(data, { raw: { width, height, channels } });
}

/** One of every kind of picture that sharp can write and, by hand, of those it cannot. All are 24 by 10 pixels. */
export async function samples(): Promise<ReadonlyMap<string, Sample>> {
  const opaque = () => drawing(3);
  const clear = () => drawing(4);
  const frames = await Promise.all([clear().png().toBuffer(), clear().negate({ alpha: false }).png().toBuffer()]);
  const animated = () => sharp(frames, { join: { animated: true } });
  const jpeg = await opaque().jpeg().toBuffer();
  const made: readonly (readonly [string, PictureType, Buffer])[] = [
    ['png', 'png', await opaque().png().toBuffer()],
    ['interlaced png with alpha', 'png', await clear().png({ progressive: true }).toBuffer()],
    ['16 bit png', 'png', await opaque().toColourspace('rgb16').png().toBuffer()],
    ['grey png', 'png', await opaque().toColourspace('b-w').png().toBuffer()],
    ['palette png', 'png', await opaque().png({ palette: true, colours: 4 }).toBuffer()],
    ['jpeg', 'jpeg', jpeg],
    ['progressive jpeg', 'jpeg', await opaque().jpeg({ progressive: true }).toBuffer()],
    ['optimised jpeg', 'jpeg', await opaque().jpeg({ mozjpeg: true }).toBuffer()],
    ['grey jpeg', 'jpeg', await opaque().toColourspace('b-w').jpeg().toBuffer()],
    ['cmyk jpeg', 'jpeg', await opaque().toColourspace('cmyk').jpeg().toBuffer()],
    ['rotated jpeg', 'jpeg', await opaque().withMetadata({ orientation: 6 }).jpeg().toBuffer()],
    ['jpeg with provenance', 'jpeg', withProvenance(jpeg)],
    ['jpeg with restarts and fill', 'jpeg', withRestartsAndFill(jpeg)],
    ['webp', 'webp', await opaque().webp().toBuffer()],
    ['lossless webp', 'webp', await opaque().webp({ lossless: true }).toBuffer()],
    ['webp with alpha', 'webp', await clear().webp().toBuffer()],
    ['animated webp', 'webp', await animated().webp().toBuffer()],
    ['gif', 'gif', await opaque().gif().toBuffer()],
    ['animated gif', 'gif', await animated().gif().toBuffer()],
    ['avif', 'avif', await opaque().avif({ effort: 0 }).toBuffer()],
    ['heic', 'heic', heif('heic', ['mif1', 'heic'])],
    ['heif', 'heif', heif('mif1', ['mif1', 'miaf'])],
    ['heic under its general brand', 'heic', heif('mif1', ['mif1', 'heic'])],
  ];
  return new Map(made.map(([name, type, bytes]) => [name, { type, bytes, width: WIDTH, height: HEIGHT }]));
}

/** A C2PA manifest in several APP11 segments behind the JFIF header, as the vendor sends it. Its bytes look like markers. */
export function withProvenance(jpeg: Buffer): Buffer {
  const segment = Buffer.alloc(600, Buffer.from([0xff, 0xd9, 0xff, 0xda]));
  segment.set([0xff, 0xeb, 0x02, 0x56]);
  segment.write('jumb....jumdc2pa', 12, 'latin1');
  const jfifEnd = 4 + jpeg.readUInt16BE(4);
  return Buffer.concat([jpeg.subarray(0, jfifEnd), segment, segment, jpeg.subarray(jfifEnd)]);
}

function withRestartsAndFill(jpeg: Buffer): Buffer {
  const scan = scanStart(jpeg);
  return Buffer.concat([
    jpeg.subarray(0, 2),
    Buffer.from([0xff, 0xff, 0xff]),
    jpeg.subarray(2, scan),
    Buffer.from([0x11, 0xff, 0x00, 0xff, 0xd0, 0x22, 0xff, 0xff, 0xd7]),
    jpeg.subarray(scan, -2),
    Buffer.from([0xff, 0xff, 0xff, 0xd9]),
  ]);
}

/** Where the picture data of a JPEG with one scan begins. */
export function scanStart(jpeg: Buffer): number {
  const scan = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
  return scan + 2 + jpeg.readUInt16BE(scan + 2);
}

export function pngChunk(name: string, data: Uint8Array): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(name, 4, 'latin1');
  chunk.set(data, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), chunk.length - 4);
  return chunk;
}

export function box(name: string, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.write(name, 4, 'latin1');
  return Buffer.concat([head, body]);
}

/** The boxes of a HEIF file around data nobody decodes: a thumbnail's size, the picture's own, and one box of 64-bit length. */
function heif(major: string, compatible: readonly string[]): Buffer {
  const data = Buffer.alloc(16 + 40);
  data.writeUInt32BE(1, 0);
  data.write('mdat', 4, 'latin1');
  data.writeBigUInt64BE(BigInt(data.length), 8);
  const flags = Buffer.alloc(4);
  return Buffer.concat([
    box('ftyp', Buffer.from(major), flags, Buffer.from(compatible.join(''))),
    box('meta', flags, box('hdlr', Buffer.alloc(24)), box('iprp', box('ipco', extent(12, 5), extent(WIDTH, HEIGHT)))),
    data,
  ]);
}

function extent(width: number, height: number): Buffer {
  const content = Buffer.alloc(12);
  content.writeUInt32BE(width, 4);
  content.writeUInt32BE(height, 8);
  return box('ispe', content);
}
