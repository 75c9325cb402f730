import { GatewayError } from '../errors.ts';
import type { Drawn, Picture } from '../image/answer.ts';
import { checkPicture, PictureError } from '../image/picture.ts';
import { needsRendition, transcode } from '../image/rendition.ts';
import type { PictureFormat } from '../image/request.ts';
import { decodeBase64, encodeBase64 } from '../wire/base64.ts';
import type { LongString } from '../wire/long-string.ts';
import { digestOf } from './digest.ts';
import { Parcel } from './entry.ts';
import { readRenditionHead, writeRenditionHead } from './head.ts';
import { keyName } from './key.ts';
import type { Shelf } from './shelf.ts';

/** Pictures in another format than the vendor sent: made off the event loop, once, and kept beside their source. */
export interface Renditions {
  /** The vendor's own bytes where no format is asked for, or the very one that came. Throws `unsupported` for what cannot be made. */
  of(drawn: Drawn, wish: RenditionWish): Promise<Picture>;
}

export interface RenditionWish {
  readonly format: PictureFormat | null;
  readonly compression: number | null;
  /** Whose it is, and how long it may be kept; null: of a source that is not kept nothing is. */
  readonly keep: { readonly scope: string; readonly ttlSeconds: number } | null;
}

export interface RenditionsOptions {
  readonly shelf: Shelf;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/**
 * A rendition is an entry of its own under the scope, the digest of its source and the transformation: it is bounded,
 * verified, purged and looked for like any other, and only in its own scope. That another tenant had the same picture
 * converted cannot be told from the time it takes.
 */
export function createRenditions({ shelf, now }: RenditionsOptions): Renditions {
  const making = new Map<string, Promise<Picture>>();
  // What was once worked out of bytes is remembered for as long as somebody holds them.
  const digests = new WeakMap<LongString, Promise<string>>();

  function digest(data: LongString): Promise<string> {
    const known = digests.get(data) ?? decodeBase64(data).then((bytes) => digestOf([bytes]));
    digests.set(data, known);
    return known;
  }

  async function kept(name: string): Promise<Picture | null> {
    const found = await shelf.get(name, { maxAgeSeconds: null });
    if (found === null) return null;
    const head = readRenditionHead(found.card.head);
    const data = typeof head === 'string' ? undefined : found.blobs.get(head.picture.digest);
    if (typeof head !== 'string' && data !== undefined) return { data, info: head.picture.info };
    await shelf.delete(name);
    return null;
  }

  async function keep(name: string, { data, info }: Picture, model: string, keep: NonNullable<RenditionWish['keep']>) {
    const parcel = new Parcel();
    const picture = { ...(await parcel.add(data)), info };
    const createdAt = now();
    await shelf.put(name, {
      scope: keep.scope,
      model,
      head: writeRenditionHead({ picture }),
      createdAt,
      expiresAt: createdAt + keep.ttlSeconds * 1000,
      ...parcel.contents(),
    });
  }

  return {
    async of({ picture, model }, { format, compression, keep: wish }) {
      if (format === null || !needsRendition(picture.info.type, { format, compression })) return picture;
      if (wish === null) return reencode(picture, format, compression);
      const words = ['rendition 1', await digest(picture.data), format, String(compression)];
      const name = keyName({ scope: wish.scope, digest: await digestOf(words.map((word) => `${word}\n`)) });
      const work = async (): Promise<Picture> => {
        const present = await kept(name);
        if (present !== null) return present;
        const made = await reencode(picture, format, compression);
        await keep(name, made, model, wish);
        return made;
      };
      const present = making.get(name) ?? work().finally(() => making.delete(name));
      making.set(name, present);
      return present;
    },
  };
}

async function reencode({ data, info }: Picture, format: PictureFormat, compression: number | null): Promise<Picture> {
  try {
    const bytes = await transcode(await decodeBase64(data), { format, compression });
    return { data: await encodeBase64(bytes), info: await checkPicture(bytes) };
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    const message = `The picture came as ${info.type} and cannot be made into ${format}. Leave the format out to get it as it came.`;
    throw new GatewayError('unsupported', message, { param: 'output_format', code: 'unsupported_value' }, error);
  }
}
