import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { compose, decodedPixels, maskFacts } from '../../src/image/composition.ts';
import { PictureError } from '../../src/image/picture.ts';
import { drawing } from './samples.ts';

const WIDTH = 96;
const HEIGHT = 64;

/** A mask that is transparent within the box, and opaque outside. */
async function maskOf(box: { left: number; top: number; width: number; height: number }, size = [WIDTH, HEIGHT]) {
  const [width = 0, height = 0] = size;
  const data = Buffer.alloc(width * height * 4, 255);
  for (let y = box.top; y < box.top + box.height; y += 1)
    for (let x = box.left; x < box.left + box.width; x += 1) data[(y * width + x) * 4 + 3] = 0;
  return sharp(data, { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer();
}

const stored = (bytes: Uint8Array) =>
  sharp(bytes, { ignoreIcc: true }).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
const shown = (bytes: Uint8Array) =>
  sharp(bytes, { ignoreIcc: true })
    .autoOrient()
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
const red = (width = 30, height = 20) =>
  sharp({ create: { width, height, channels: 3, background: { r: 255, g: 0, b: 0 } } })
    .jpeg({ quality: 100 })
    .toBuffer();

const BOX = { left: 20, top: 10, width: 40, height: 40 };
const inBox = (x: number, y: number) =>
  x >= BOX.left && x < BOX.left + BOX.width && y >= BOX.top && y < BOX.top + BOX.height;
const colour = (channels: 3 | 4 = 3) => drawing(channels, WIDTH, HEIGHT);

describe('a masked edit', () => {
  test.each([
    ['png', () => colour().png().toBuffer()],
    ['png with alpha', () => colour(4).png().toBuffer()],
    ['png with a profile', () => colour().withIccProfile('p3').png().toBuffer()],
    ['png with both', () => colour(4).withIccProfile('p3').png().toBuffer()],
    ['grey png', () => colour().toColourspace('b-w').png().toBuffer()],
    ['palette png', () => colour().png({ palette: true, colours: 16 }).toBuffer()],
    ['16 bit png', () => colour().toColourspace('rgb16').png().toBuffer()],
    ['jpeg', () => colour().jpeg().toBuffer()],
    ['webp with alpha', () => colour(4).webp().toBuffer()],
  ])('of a %s has every pixel outside the mask as it was, and what was drawn inside', async (_what, make) => {
    const picture = await make();
    const bytes = await compose(
      { drawn: await red(), picture, mask: await maskOf(BOX) },
      { format: 'png', compression: null },
    );
    const before = await shown(picture);
    const after = await stored(bytes);
    expect([after.info.width, after.info.height]).toEqual([WIDTH, HEIGHT]);
    let changed = 0;
    for (let at = 0; at < before.data.length; at += 4) {
      const [x, y] = [(at / 4) % WIDTH, Math.floor(at / 4 / WIDTH)];
      const same = before.data.subarray(at, at + 4).equals(after.data.subarray(at, at + 4));
      if (!inBox(x, y)) expect(same, `${x},${y}`).toBe(true);
      else if (!same) changed += 1;
    }
    expect(changed).toBeGreaterThan((BOX.width * BOX.height) / 2);
    const middle = ((BOX.top + 20) * WIDTH + BOX.left + 20) * 4;
    const [r = 0, g = 255, b = 255, alpha] = after.data.subarray(middle, middle + 4);
    expect([r > 245, g < 10, b < 10, alpha]).toEqual([true, true, true, 255]);
    const [{ icc: kept, hasAlpha }, { icc, hasAlpha: had }] = [
      await sharp(bytes).metadata(),
      await sharp(picture).metadata(),
    ];
    expect([kept, hasAlpha]).toEqual([icc, had]);
  });

  test('has the colours it is shown in where it is of CMYK, which no PNG can hold', async () => {
    const picture = await colour().toColourspace('cmyk').jpeg().toBuffer();
    const bytes = await compose(
      { drawn: await red(), picture, mask: await maskOf(BOX) },
      { format: 'png', compression: null },
    );
    expect((await sharp(bytes).metadata()).space).toBe('srgb');
    const before = await sharp(picture).toColourspace('srgb').ensureAlpha().raw().toBuffer();
    expect((await stored(bytes)).data.subarray(-4 * WIDTH)).toEqual(before.subarray(-4 * WIDTH));
  });

  test('of a picture that its Exif turns is as it is shown', async () => {
    const picture = await colour().withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const mask = await maskOf({ left: 0, top: 0, width: 10, height: 10 }, [HEIGHT, WIDTH]);
    expect(await decodedPixels(picture)).toEqual({ width: HEIGHT, height: WIDTH });
    const bytes = await compose({ drawn: await red(), picture, mask }, { format: 'png', compression: null });
    const [before, after] = [await shown(picture), await stored(bytes)];
    expect(after.info).toMatchObject({ width: HEIGHT, height: WIDTH });
    expect(after.data.subarray(-4 * HEIGHT)).toEqual(before.data.subarray(-4 * HEIGHT));
  });

  test('fades inwards at its edge, and not at all where the mask is a hair', async () => {
    const picture = await colour().png().toBuffer();
    const redness = async (box: typeof BOX) => {
      const bytes = await compose(
        { drawn: await red(), picture, mask: await maskOf(box) },
        { format: 'png', compression: null },
      );
      const { data } = await stored(bytes);
      return (x: number, y: number) => data[(y * WIDTH + x) * 4]! - data[(y * WIDTH + x) * 4 + 1]!;
    };
    const wide = await redness(BOX);
    expect(wide(BOX.left + 20, 30)).toBeGreaterThan(240);
    expect(wide(BOX.left, 30)).toBeLessThan(200);
    const hair = await redness({ left: 10, top: 5, width: 1, height: 50 });
    expect(hair(10, 30)).toBeGreaterThan(240);
  });

  test.each([null, 100])('is written as WebP of compression %s without loss, seen or unseen', async (compression) => {
    for (const channels of [3, 4] as const) {
      const parts = { drawn: await red(), picture: await colour(channels).png().toBuffer(), mask: await maskOf(BOX) };
      const [png, webp] = await Promise.all([
        compose(parts, { format: 'png', compression: null }),
        compose(parts, { format: 'webp', compression }),
      ]);
      expect(await sharp(webp).metadata()).toMatchObject({ format: 'webp', width: WIDTH, height: HEIGHT });
      expect((await stored(webp)).data.equals((await stored(png)).data)).toBe(true);
    }
  });

  test.each(['png', 'jpeg', 'webp'] as const)('is written as %s', async (format) => {
    const picture = await colour().png().toBuffer();
    const bytes = await compose({ drawn: await red(), picture, mask: await maskOf(BOX) }, { format, compression: 80 });
    expect(await sharp(bytes).metadata()).toMatchObject({ format, width: WIDTH, height: HEIGHT });
  });

  test('of what cannot be decoded, or does not fit, is a PictureError', async () => {
    const picture = await colour().png().toBuffer();
    const mask = await maskOf(BOX);
    const cut = picture.subarray(0, picture.length - 40);
    const want = { format: 'png', compression: null } as const;
    await expect(compose({ drawn: await red(), picture: cut, mask }, want)).rejects.toBeInstanceOf(PictureError);
    await expect(maskFacts(cut)).rejects.toBeInstanceOf(PictureError);
    await expect(decodedPixels(cut)).rejects.toBeInstanceOf(PictureError);
    const small = await maskOf({ left: 0, top: 0, width: 2, height: 2 }, [20, 20]);
    await expect(compose({ drawn: await red(), picture, mask: small }, want)).rejects.toBeInstanceOf(PictureError);
  });
});

describe('a mask', () => {
  test.each([
    ['transparent somewhere', () => maskOf(BOX), true],
    ['opaque', () => maskOf({ ...BOX, width: 0 }), false],
    ['without alpha', () => colour().png().toBuffer(), false],
    ['half transparent', () => colour().ensureAlpha(0.5).png().toBuffer(), true],
  ])('that is %s says whether anything is to be edited: %s', async (_what, make, edits) => {
    expect(await maskFacts(await make())).toEqual({ edits, width: WIDTH, height: HEIGHT });
  });
});
