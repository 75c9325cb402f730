import { Base64Error, readBase64 } from '../wire/base64.ts';
import type { LongString } from '../wire/long-string.ts';
import type { Regions } from '../wire/regions.ts';
import type { Picture } from './answer.ts';
import { checkPicture, PictureError } from './picture.ts';

/**
 * A part's base64 as a picture that was checked to its last byte; null where it is none. `look` may see the decoded bytes
 * while they are there: nobody needs them after this.
 */
export async function checkedPicture(
  data: LongString | string,
  regions: Regions,
  look?: (bytes: Buffer, picture: Picture) => Promise<void>,
): Promise<Picture | null> {
  try {
    return await regions.during(async (take) => {
      const { bytes, canonical } = await readBase64(data, take);
      const picture = { data: canonical, info: await checkPicture(bytes) };
      await look?.(bytes, picture);
      return picture;
    });
  } catch (error) {
    if (error instanceof PictureError || error instanceof Base64Error) return null;
    throw error;
  }
}
