import sharp from 'sharp';
import { pngOf } from '../../support/big-picture.ts';

/** What callers send along: made once. */
export interface Samples {
  readonly png: Buffer;
  readonly jpeg: Buffer;
  /** Transparent in its left half, of the size of `png`. */
  readonly mask: Buffer;
  /** Some megabytes. */
  readonly big: Buffer;
}

const WIDTH = 96;
const HEIGHT = 64;
const BIG_BYTES = 3 << 20;

export async function makeSamples(): Promise<Samples> {
  const drawn = (alpha: (x: number) => number) => {
    const data = Buffer.alloc(WIDTH * HEIGHT * 4);
    for (let pixel = 0; pixel < WIDTH * HEIGHT; pixel += 1)
      data.set([pixel % 251, pixel % 83, 90, alpha(pixel % WIDTH)], pixel * 4);
    return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 4 } });
  };
  return {
    png: await drawn(() => 255)
      .png()
      .toBuffer(),
    jpeg: await drawn(() => 255)
      .jpeg()
      .toBuffer(),
    mask: await drawn((x) => (x < WIDTH / 2 ? 0 : 255))
      .png()
      .toBuffer(),
    big: pngOf(BIG_BYTES),
  };
}
