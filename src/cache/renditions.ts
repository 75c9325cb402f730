import { GatewayError } from '../errors.ts';
import type { Drawn, Picture } from '../image/answer.ts';
import { checkPicture, PictureError } from '../image/picture.ts';
import type { PictureInfo } from '../image/picture.ts';
import { needsRendition, transcode } from '../image/rendition.ts';
import type { PictureFormat } from '../image/request.ts';
import { decodeBase64, encodeBase64 } from '../wire/base64.ts';
import type { LongString } from '../wire/long-string.ts';
import type { Blobs } from './blobs.ts';
import { digestOf, digestOfBase64 } from './digest.ts';

/** Pictures in another format than the vendor sent: made off the event loop, once, and kept beside their source. */
export interface Renditions {
  /** The vendor's own bytes where no format is asked for, or the very one that came. Throws `unsupported` for what cannot be made. */
  of(drawn: Drawn, format: PictureFormat | null, compression: number | null): Promise<Picture>;
}

/** A rendition is a blob under the digest of its source and the transformation: it is found again whoever asks. */
export function createRenditions(blobs: Blobs): Renditions {
  const making = new Map<string, Promise<Picture>>();
  // What was once worked out of bytes is remembered for as long as somebody holds them.
  const digests = new WeakMap<LongString, Promise<string>>();
  const infos = new WeakMap<LongString, PictureInfo>();

  function digest(data: LongString): Promise<string> {
    const known = digests.get(data) ?? digestOfBase64(data).then(({ digest }) => digest);
    digests.set(data, known);
    return known;
  }

  async function kept(name: string): Promise<Picture | null> {
    const data = await blobs.get(name);
    if (data === null) return null;
    const info = infos.get(data) ?? (await checkPicture(await decodeBase64(data)));
    infos.set(data, info);
    return { data, info };
  }

  async function make(
    name: string,
    source: Picture,
    format: PictureFormat,
    compression: number | null,
  ): Promise<Picture> {
    const present = await kept(name);
    if (present !== null) return present;
    const bytes = await reencode(source, format, compression);
    const picture = { data: await encodeBase64(bytes), info: await checkPicture(bytes) };
    infos.set(picture.data, picture.info);
    await blobs.put(name, picture.data);
    return picture;
  }

  return {
    async of({ picture }, format, compression) {
      if (format === null || !needsRendition(picture.info.type, { format, compression })) return picture;
      const name = await digestOf(
        ['rendition 1', await digest(picture.data), format, String(compression)].map((word) => `${word}\n`),
      );
      const present = making.get(name);
      if (present !== undefined) return present;
      const work = make(name, picture, format, compression).finally(() => making.delete(name));
      making.set(name, work);
      return work;
    },
  };
}

async function reencode({ data, info }: Picture, format: PictureFormat, compression: number | null): Promise<Buffer> {
  try {
    return await transcode(await decodeBase64(data), { format, compression });
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    const message = `The picture came as ${info.type} and cannot be made into ${format}. Leave the format out to get it as it came.`;
    throw new GatewayError('unsupported', message, { param: 'output_format', code: 'unsupported_value' }, error);
  }
}
