import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { checkPicture, PictureError } from '../../src/image/picture.ts';
import { encodePixels, limitRenditions, needsRendition, transcode } from '../../src/image/rendition.ts';
import type { PictureFormat } from '../../src/image/request.ts';
import { drawing, samples, scanStart } from './samples.ts';

const all = await samples();
const formats: readonly PictureFormat[] = ['png', 'jpeg', 'webp'];
const png = all.get('png')!.bytes;
const jpeg = all.get('jpeg')!.bytes;

const to = (format: PictureFormat, compression: number | null = null) => ({ format, compression });
const pixelsOf = (bytes: Buffer) => sharp(bytes).raw().toBuffer();

/** How far two pictures are apart, on average over all bytes. */
async function difference(one: Buffer, other: Buffer): Promise<number> {
  const [a, b] = [await pixelsOf(one), await pixelsOf(other)];
  expect(a.length).toBe(b.length);
  return a.reduce((sum, value, at) => sum + Math.abs(value - b[at]!), 0) / a.length;
}

describe('transcode', () => {
  test.each([...all.keys()].filter((name) => !/hei[cf]|rotated|restarts/.test(name)))(
    'turns %s into every format',
    async (name) => {
      const { bytes, width, height } = all.get(name)!;
      for (const format of formats) {
        expect(await checkPicture(await transcode(bytes, to(format)))).toMatchObject({ type: format, width, height });
      }
    },
  );

  test('keeps every pixel when it goes into PNG', async () => {
    for (const name of ['png', 'jpeg', 'progressive jpeg', 'webp', 'lossless webp', 'webp with alpha', 'gif']) {
      const { bytes } = all.get(name)!;
      const rendition = await transcode(bytes, to('png'));
      expect((await pixelsOf(rendition)).equals(await pixelsOf(bytes)), name).toBe(true);
    }
  });

  test('gives the same bytes every time', async () => {
    for (const format of formats) {
      const [first, again] = await Promise.all([transcode(png, to(format, 70)), transcode(png, to(format, 70))]);
      expect(first.equals(again)).toBe(true);
    }
  });

  test('takes compression as quality: 100 and none are the best and largest, 0 the smallest', async () => {
    const picture = await drawing(3, 200, 150).png().toBuffer();
    for (const format of ['jpeg', 'webp'] as const) {
      const sizes: number[] = [];
      const errors: number[] = [];
      for (const compression of [0, 30, 80, 100]) {
        const rendition = await transcode(picture, to(format, compression));
        sizes.push(rendition.length);
        errors.push(await difference(rendition, picture));
      }
      expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
      expect(errors).toEqual(errors.toSorted((a, b) => b - a));
      expect(await transcode(picture, to(format))).toEqual(await transcode(picture, to(format, 100)));
    }
    expect(await transcode(picture, to('png', 10))).toEqual(await transcode(picture, to('png')));
  });

  test('turns the pixels as the Exif orientation says, and drops it', async () => {
    for (const format of formats) {
      const rendition = await transcode(all.get('rotated jpeg')!.bytes, to(format));
      expect(await checkPicture(rendition)).toMatchObject({ width: 10, height: 24 });
      const { orientation, exif } = await sharp(rendition).metadata();
      expect([orientation, exif]).toEqual([undefined, undefined]);
    }
  });

  test('keeps the colour profile and the XMP mark of a generated picture', async () => {
    const xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/">trainedAlgorithmicMedia</x:xmpmeta>';
    const marked = await drawing(3).withIccProfile('p3').withXmp(xmp).jpeg().toBuffer();
    const { icc } = await sharp(marked).metadata();
    for (const format of formats) {
      const kept = await sharp(await transcode(marked, to(format))).metadata();
      expect(kept.icc).toEqual(icc);
      expect(kept.xmp?.toString()).toContain('trainedAlgorithmicMedia');
    }
  });

  test('drops provenance, which signs other bytes', async () => {
    const { bytes } = all.get('jpeg with provenance')!;
    expect(bytes.includes(Buffer.from([0xff, 0xeb]))).toBe(true);
    for (const format of formats) {
      expect(await transcode(bytes, to(format))).toEqual(await transcode(jpeg, to(format)));
    }
  });

  test('puts transparent pixels on white where the format has no transparency', async () => {
    const clear = { create: { width: 4, height: 4, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } } as const;
    const rendition = await transcode(await sharp(clear).png().toBuffer(), to('jpeg'));
    expect(new Set(await pixelsOf(rendition))).toEqual(new Set([255]));
  });

  test('is as wide as it may be, in its proportions, and never enlarged', async () => {
    const upright = await sharp(all.get('rotated jpeg')!.bytes).autoOrient().toBuffer({ resolveWithObject: true });
    const { width, height } = upright.info;
    const half = Math.round(width / 2);
    const small = await checkPicture(await transcode(all.get('rotated jpeg')!.bytes, { ...to('jpeg'), width: half }));
    expect([small.width, small.height]).toEqual([half, Math.round((height * half) / width)]);
    const same = await checkPicture(await transcode(all.get('rotated jpeg')!.bytes, { ...to('jpeg'), width: 9_999 }));
    expect([same.width, same.height]).toEqual([width, height]);
  });

  test('takes the first frame of an animation', async () => {
    const rendition = await transcode(all.get('animated gif')!.bytes, to('webp'));
    expect((await sharp(rendition).metadata()).pages ?? 1).toBe(1);
  });
});

describe('a picture that cannot be decoded is a PictureError', () => {
  const refused = (bytes: Uint8Array) => expect(transcode(bytes, to('png'))).rejects.toThrow(PictureError);

  test('when it is none, or of a type that is not opened', async () => {
    await refused(Buffer.alloc(0));
    await refused(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'));
    await refused(Buffer.from('%PDF-1.7'));
    await refused(all.get('heic')!.bytes);
  });

  test('when it is cut short or damaged inside', async () => {
    for (const bytes of [png, jpeg, all.get('webp')!.bytes]) await refused(bytes.subarray(0, bytes.length - 30));
    const damaged = Buffer.from(png);
    damaged.fill(0xaa, png.length - 40, png.length - 20);
    await refused(damaged);
    const emptied = Buffer.concat([jpeg.subarray(0, scanStart(jpeg)), jpeg.subarray(-2)]);
    await refused(emptied);
  });

  test('when it would fill the memory', async () => {
    const bomb = sharp({ create: { width: 10_000, height: 5_001, channels: 3, background: 'black' } });
    await refused(await bomb.png({ compressionLevel: 9 }).toBuffer());
  });
});

describe('encodePixels', () => {
  const raw = {
    data: Buffer.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]),
    width: 2,
    height: 2,
    channels: 3,
  } as const;

  test('enlarges each pixel to a rectangle with hard edges', async () => {
    const picture = await encodePixels({ ...raw, scaleTo: { width: 8, height: 4 } }, 'png');
    expect(await checkPicture(picture)).toMatchObject({ type: 'png', width: 8, height: 4 });
    const row = (...colours: readonly (readonly number[])[]) =>
      colours.flatMap((colour) => Array<readonly number[]>(4).fill(colour).flat());
    const top = row([255, 0, 0], [0, 255, 0]);
    const bottom = row([0, 0, 255], [9, 9, 9]);
    expect([...(await pixelsOf(picture))]).toEqual([...top, ...top, ...bottom, ...bottom]);
  });

  test('makes the same bytes of the same pixels in every format and any size a model draws', async () => {
    for (const format of formats) {
      const scaled = { ...raw, scaleTo: { width: 848, height: 1264 } };
      const [first, again] = [await encodePixels(scaled, format), await encodePixels(scaled, format)];
      expect(first.equals(again)).toBe(true);
      expect(await checkPicture(first)).toMatchObject({ type: format, width: 848, height: 1264 });
    }
  });

  test('keeps transparency, and refuses fewer bytes than it was promised', async () => {
    const clear = { data: Buffer.from([1, 2, 3, 128]), width: 1, height: 1, channels: 4 } as const;
    expect([...(await pixelsOf(await encodePixels(clear, 'png')))]).toEqual([1, 2, 3, 128]);
    await expect(encodePixels({ ...raw, height: 3 }, 'png')).rejects.toThrow(PictureError);
  });
});

test('a rendition is needed for another format, and for compression where there is any to choose', () => {
  expect(needsRendition('jpeg', { format: null, compression: null })).toBe(false);
  expect(needsRendition('jpeg', { format: 'jpeg', compression: null })).toBe(false);
  expect(needsRendition('jpeg', { format: 'jpeg', compression: 100 })).toBe(false);
  expect(needsRendition('jpeg', { format: 'jpeg', compression: 99 })).toBe(true);
  expect(needsRendition('webp', { format: null, compression: 0 })).toBe(true);
  expect(needsRendition('png', { format: null, compression: 0 })).toBe(false);
  expect(needsRendition('png', { format: 'png', compression: 0 })).toBe(false);
  expect(needsRendition('png', { format: 'webp', compression: null })).toBe(true);
  expect(needsRendition('gif', { format: 'png', compression: null })).toBe(true);
});

test('no more pictures are converted at once than allowed, none is forgotten, and a queue too long is refused', async () => {
  limitRenditions(1);
  const outcomes = await Promise.allSettled(Array.from({ length: 300 }, () => transcode(png, to('jpeg'))));
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as unknown);
  expect(refused).toHaveLength(300 - 1 - 256);
  for (const error of refused) {
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({ failure: 'unavailable', detail: { retryAfterSeconds: 5 } });
  }
  const busy = [
    transcode(Buffer.from('nothing'), to('png')),
    transcode(jpeg.subarray(0, -40), to('png')),
    transcode(png, to('png')),
  ];
  expect((await Promise.allSettled(busy)).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  expect((await checkPicture(await transcode(png, to('webp')))).type).toBe('webp');
});
