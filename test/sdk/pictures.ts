import { checkPicture } from '../../src/image/picture.ts';
import type { PictureInfo } from '../../src/image/picture.ts';

/** The picture an SDK handed over, its bytes walked to their end; rejects when it is none. */
export async function pictureIn(base64: string | undefined): Promise<PictureInfo> {
  return checkPicture(Buffer.from(base64 ?? '', 'base64'));
}

/** As people write it: `1376x768`. */
export async function sizeIn(base64: string | undefined): Promise<string> {
  const { width, height } = await pictureIn(base64);
  return `${width}x${height}`;
}
