import * as fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { checkPicture, MAX_PIXELS, MIME_TYPES, PictureError, sniff } from '../../src/image/picture.ts';
import { box, pngChunk, samples, scanStart, withProvenance } from './samples.ts';

const all = await samples();
const names = [...all.keys()];
const png = all.get('png')!.bytes;
const jpeg = all.get('jpeg')!.bytes;
const webp = all.get('webp')!.bytes;
const gif = all.get('gif')!.bytes;
const long = process.env['PLANTAIN_TEST_LONG'] !== undefined;

/** The reason for refusing these bytes; fails where they are accepted, or refused by any other kind of error. */
async function refusal(bytes: Uint8Array): Promise<string> {
  const outcome = await checkPicture(bytes).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(PictureError);
  return (outcome as PictureError).message;
}

function patched(bytes: Buffer, at: number, ...values: readonly number[]): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(values, at);
  return copy;
}

/** As picture data of a JPEG must be: no marker in it. */
function stuffed(data: Buffer): Buffer {
  for (let at = data.indexOf(0xff); at !== -1; at = data.indexOf(0xff, at + 2)) data[at + 1] = 0;
  data[data.length - 1] = 0;
  return data;
}

/** The same PNG with another header, its checksum right. */
function withHeader(change: (header: Buffer) => void): Buffer {
  const header = Buffer.from(png.subarray(16, 29));
  change(header);
  return Buffer.concat([png.subarray(0, 8), pngChunk('IHDR', header), png.subarray(33)]);
}

describe('a whole picture', () => {
  test.each(names)('%s: type and pixels come from its bytes', async (name) => {
    const { type, bytes, width, height } = all.get(name)!;
    expect(sniff(bytes)).toBe(type);
    expect(sniff(bytes.subarray(0, 64))).toBe(type);
    const info = {
      type,
      mimeType: MIME_TYPES[type],
      width,
      height,
      byteLength: bytes.length,
      hasProvenance: name.includes('provenance'),
    };
    expect(await checkPicture(bytes)).toEqual(info);
  });

  test('may lie anywhere in a larger buffer', async () => {
    const larger = Buffer.concat([Buffer.from('before'), jpeg, Buffer.from('after')]);
    const view = new Uint8Array(larger.buffer, larger.byteOffset + 6, jpeg.length);
    expect(await checkPicture(view)).toMatchObject({ type: 'jpeg', byteLength: jpeg.length });
  });

  test('may be followed by bytes of something else, such as the second picture of a phone', async () => {
    for (const bytes of [png, jpeg, webp, gif]) {
      expect(await checkPicture(Buffer.concat([bytes, jpeg.subarray(0, 100)]))).toMatchObject({
        width: 24,
        height: 10,
      });
    }
  });

  test('of any size, whole or with provenance, has the pixels that sharp reads', async () => {
    const noise = sharp(randomBytes(300 * 200 * 3), { raw: { width: 300, height: 200, channels: 3 } });
    const picture = await noise.jpeg({ quality: 95, progressive: true }).toBuffer();
    for (const bytes of [
      picture,
      withProvenance(picture),
      await noise.webp().toBuffer(),
      await noise.png().toBuffer(),
    ]) {
      const { width, height } = await sharp(bytes).metadata();
      expect(await checkPicture(bytes)).toMatchObject({ width, height });
    }
  });
});

describe('a broken picture is refused', () => {
  test.each(names)('%s: cut off after any byte', async (name) => {
    const { bytes } = all.get(name)!;
    for (let length = 0; length < bytes.length; length += 1) await refusal(bytes.subarray(0, length));
  });

  test('a PNG with any single bit turned over', async () => {
    for (let bit = 0; bit < png.length * 8; bit += 1) {
      const at = bit >> 3;
      await refusal(patched(png, at, png[at]! ^ (1 << (bit & 7))));
    }
  });

  test('for a reason that says what and where', async () => {
    expect(await refusal(Buffer.alloc(0))).toBe('the picture is empty');
    expect(await refusal(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'))).toMatch(
      /^the bytes are no picture of a known type/,
    );
    expect(await refusal(patched(png, png.length - 20, png[png.length - 20]! ^ 1))).toMatch(
      /^the PNG chunk IDAT at byte \d+ does not match its checksum$/,
    );
    expect(await refusal(jpeg.subarray(0, -1))).toMatch(
      new RegExp(`^the JPEG ends at byte ${jpeg.length - 1} in the middle`),
    );
    expect(await refusal(webp.subarray(0, -1))).toMatch(new RegExp(`^the WebP should reach to byte ${webp.length}`));
    expect(await refusal(gif.subarray(0, -1))).toMatch(
      /^a GIF block should reach to byte \d+, but the picture ends at \d+$/,
    );
  });

  test('a PNG without data, with chunks out of place or with a header that means nothing', async () => {
    const start = png.subarray(0, 33);
    const end = png.subarray(-12);
    expect(await refusal(Buffer.concat([start, end]))).toBe('the PNG has no picture data');
    expect(await refusal(Buffer.concat([start, pngChunk('IDAT', Buffer.alloc(0)), end]))).toBe(
      'the PNG has no picture data',
    );
    expect(await refusal(Buffer.concat([png.subarray(0, 8), end]))).toMatch(/IEND .* out of place/);
    expect(await refusal(Buffer.concat([start, start.subarray(8), png.subarray(33)]))).toMatch(/IHDR .* out of place/);
    expect(await refusal(Buffer.concat([start, pngChunk('\x00bad', Buffer.alloc(0)), png.subarray(33)]))).toMatch(
      /no chunk name/,
    );
    for (const [at, value] of [
      [8, 3],
      [9, 1],
      [10, 1],
      [11, 1],
      [12, 2],
    ] as const) {
      expect(await refusal(withHeader((header) => header.writeUInt8(value, at)))).toMatch(
        /pixel format that does not exist/,
      );
    }
    const long = Buffer.concat([png.subarray(0, 8), pngChunk('IHDR', Buffer.alloc(14)), png.subarray(33)]);
    expect(await refusal(long)).toBe('the PNG header has 14 bytes instead of 13');
  });

  test('a JPEG without frame or scan, with two frames, with stray markers', async () => {
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    const frameEnd = frame + 2 + jpeg.readUInt16BE(frame + 2);
    const scan = scanStart(jpeg);
    const withoutFrame = Buffer.concat([jpeg.subarray(0, frame), jpeg.subarray(frameEnd)]);
    expect(await refusal(withoutFrame)).toMatch(/^the JPEG has a scan before its frame/);
    const twoFrames = Buffer.concat([jpeg.subarray(0, frameEnd), jpeg.subarray(frame)]);
    expect(await refusal(twoFrames)).toBe(`the JPEG has a second frame at byte ${frameEnd}`);
    expect(await refusal(Buffer.concat([jpeg.subarray(0, frameEnd), Buffer.from([0xff, 0xd9])]))).toMatch(
      /no picture data/,
    );
    expect(await refusal(patched(jpeg, frame + 9, 7))).toMatch(/frame header of the wrong length/);
    expect(await refusal(Buffer.concat([jpeg.subarray(0, scan), jpeg]))).toMatch(/marker that does not belong there/);
    expect(await refusal(patched(jpeg, 2, 0x00))).toMatch(/^the bytes are no picture/);
    expect(await refusal(patched(jpeg, frame, 0x00))).toBe(`the JPEG has no marker at byte ${frame}`);
    expect(await refusal(patched(jpeg, frame + 2, 0, 1))).toMatch(/segment without a length/);
  });

  test('a WebP whose lengths contradict each other or that has no key frame', async () => {
    expect(await refusal(patched(webp, 4, webp[4]! + 2))).toMatch(/^the WebP should reach to byte/);
    expect(await refusal(patched(webp, 16, webp[16]! + 2))).toMatch(/reaches beyond the picture/);
    expect(await refusal(patched(webp, 20, webp[20]! | 1))).toMatch(/does not begin with a picture/);
    const noData = Buffer.concat([Buffer.from('RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0'), Buffer.alloc(10)]);
    expect(await refusal(noData)).toBe('the WebP has no picture data');
  });

  test('a GIF without a picture or with an unknown block', async () => {
    const noImage = Buffer.from('GIF89a\x10\0\x10\0\0\0\0;', 'latin1');
    expect(await refusal(noImage)).toBe('the GIF has no picture data');
    expect(await refusal(patched(noImage, 13, 0x20))).toBe('the GIF has no block at byte 13');
  });

  test('a HEIF file with lengths that contradict each other, without data or with boxes without end', async () => {
    const heic = all.get('heic')!.bytes;
    const meta = heic.readUInt32BE(0);
    expect(await refusal(patched(heic, 3, 4))).toMatch(/box without a length at byte 0/);
    expect(await refusal(patched(heic, meta + 12, 0xff))).toMatch(/what holds it ends at/);
    expect(await refusal(heic.subarray(0, meta))).toBe('the HEIF file has no picture data');
    const endless = Buffer.concat([heic, ...Array.from({ length: 10_001 }, () => box('free'))]);
    expect(await refusal(endless)).toMatch(/more than 10000 boxes/);
  });

  test('a picture of no pixels, or of more than anybody has', async () => {
    expect(await refusal(withHeader((header) => header.writeUInt32BE(0, 0)))).toBe('the picture says it has no pixels');
    const bomb = withHeader((header) => header.writeUInt32BE(0x7fffffff, 4));
    expect(await refusal(bomb)).toBe(`the picture says it is 24x2147483647, more than ${MAX_PIXELS} pixels`);
  });
});

test('random bytes, behind any beginning and inside any picture, are never more than a PictureError', async () => {
  const heads = [Buffer.alloc(0), ...[...all.values()].map(({ bytes }) => bytes.subarray(0, 33))];
  const garbage = fc
    .tuple(fc.constantFrom(...heads), fc.nat(33), fc.uint8Array({ maxLength: 400 }))
    .map(([head, length, tail]) => Buffer.concat([head.subarray(0, length), tail]));
  const mutated = fc
    .tuple(fc.constantFrom(...all.values()), fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 8 }))
    .map(([{ bytes }, at, values]) => patched(bytes, at % (bytes.length - 8), ...values));
  await fc.assert(
    fc.asyncProperty(fc.oneof(garbage, mutated), async (bytes) => {
      const outcome = await checkPicture(bytes).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(PictureError);
      else expect(outcome).toMatchObject({ byteLength: bytes.length });
    }),
    { numRuns: long ? 200_000 : 5_000 },
  );
});

describe('other work gets its turn while a large picture is walked', () => {
  const LARGE = 7_999_992;
  const gifBlocks = 13 + 3 * 2 ** ((gif[10]! & 7) + 1);
  const jpegHead = jpeg.subarray(0, scanStart(jpeg));
  const jpegEnd = jpeg.subarray(-2);
  const filled = (...pattern: readonly number[]) => Buffer.alloc(LARGE, Buffer.from(pattern));
  const gifEnd = gif.subarray(0, -2);
  const webpLarge = Buffer.concat([webp, Buffer.alloc(LARGE, Buffer.from('JUNK\0\0\0\0', 'latin1'))]);
  webpLarge.writeUInt32LE(webpLarge.length - 8, 4);

  test.each<[string, Buffer]>([
    ['PNG of one chunk', Buffer.concat([png.subarray(0, 33), pngChunk('IDAT', randomBytes(LARGE)), png.subarray(-12)])],
    ['JPEG of noise', Buffer.concat([jpegHead, stuffed(randomBytes(LARGE)), jpegEnd])],
    ['JPEG of nothing but stuffed bytes', Buffer.concat([jpegHead, filled(0xff, 0x00), jpegEnd])],
    ['JPEG of nothing but fill', Buffer.concat([jpegHead, filled(0xff), jpegEnd])],
    [
      'PNG of empty chunks',
      Buffer.concat([png.subarray(0, 33), filled(...pngChunk('teXt', Buffer.alloc(0))), png.subarray(33)]),
    ],
    ['JPEG of empty segments', Buffer.concat([jpeg.subarray(0, 2), filled(0xff, 0xe1, 0, 2), jpeg.subarray(2)])],
    ['GIF of one-byte pieces', Buffer.concat([gifEnd, filled(1, 1), Buffer.from([0, 0x3b])])],
    [
      'GIF of empty extensions',
      Buffer.concat([gif.subarray(0, gifBlocks), filled(0x21, 1, 0), gif.subarray(gifBlocks)]),
    ],
    ['WebP of empty chunks', webpLarge],
  ])('%s', async (_, bytes) => {
    let turns = 0;
    let pending = setImmediate(function tick() {
      turns += 1;
      pending = setImmediate(tick);
    });
    expect(await checkPicture(bytes)).toMatchObject({ width: 24, height: 10 });
    clearImmediate(pending);
    expect(turns).toBeGreaterThan(LARGE / 262_144);
  });
});
