import { GatewayError } from '../errors.ts';
import type { Drawn, Picture } from '../image/answer.ts';
import { checkPicture, PictureError } from '../image/picture.ts';
import type { PictureType } from '../image/picture.ts';
import { needsRendition, transcode } from '../image/rendition.ts';
import type { PictureFormat } from '../image/request.ts';
import { decodeBase64, encodeBase64 } from '../wire/base64.ts';
import { digestOf, digestOfBase64 } from './digest.ts';
import { Parcel } from './entry.ts';
import { readRenditionHead, writeRenditionHead } from './head.ts';
import { keyName } from './key.ts';
import type { Shelf } from './shelf.ts';

/** Pictures in another format than the vendor sent: made off the event loop, once, and kept beside their source. */
export interface Renditions {
  /**
   * The vendor's own bytes where no format is asked for, or the very one that came, and it is no wider than asked.
   * Throws `unsupported` for what cannot be made.
   */
  of(source: Source, wish: RenditionWish): Promise<Picture>;
}

type Source = Pick<Drawn, 'picture' | 'model'>;

export interface RenditionWish {
  readonly format: PictureFormat | null;
  readonly compression: number | null;
  /** The most pixels it may be wide; absent: as it came. It is never enlarged. */
  readonly width?: number;
  /** Whose it is. */
  readonly scope: string;
  /** How long it may be kept. Zero or less: of a source that is not kept nothing is. */
  readonly ttlSeconds: number;
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

  async function kept(name: string): Promise<Picture | null> {
    const found = await shelf.get(name, { maxAgeSeconds: null });
    if (found === null) return null;
    const head = readRenditionHead(found.card.head);
    const data = typeof head === 'string' ? undefined : found.blobs.get(head.picture.digest);
    if (typeof head !== 'string' && data !== undefined) return { data, info: head.picture.info };
    await shelf.delete(name);
    return null;
  }

  async function keep(name: string, { data, info }: Picture, model: string, wish: RenditionWish): Promise<void> {
    const parcel = new Parcel();
    const picture = { ...(await parcel.add(data)), info };
    const createdAt = now();
    await shelf.put(name, {
      scope: wish.scope,
      model,
      head: writeRenditionHead({ picture }),
      createdAt,
      expiresAt: createdAt + wish.ttlSeconds * 1000,
      ...parcel.contents(),
    });
  }

  async function make(name: string, { picture, model }: Source, wish: RenditionWish, format: PictureFormat) {
    const mayKeep = wish.ttlSeconds > 0;
    const present = mayKeep ? await kept(name) : null;
    if (present !== null) return present;
    const made = await reencode(picture, format, wish);
    if (mayKeep) await keep(name, made, model, wish);
    return made;
  }

  return {
    async of(source, wish) {
      const { picture } = source;
      const { compression, scope, width = Infinity } = wish;
      const isTooWide = picture.info.width > width;
      const format = wish.format ?? (isTooWide ? ownFormat(picture.info.type) : null);
      if (format === null || !(isTooWide || needsRendition(picture.info.type, { format, compression }))) return picture;
      const { digest } = await digestOfBase64(picture.data);
      const words = ['rendition 1', digest, format, String(compression)];
      if (isTooWide) words.push(`width ${width}`);
      const name = keyName({ scope, digest: await digestOf(words.map((word) => `${word}\n`)) });
      // Whoever shares a flight shares what is made of its picture too.
      const work = making.get(name) ?? make(name, source, wish, format).finally(() => making.delete(name));
      making.set(name, work);
      return work;
    },
  };
}

/** That of a smaller copy. */
function ownFormat(type: PictureType): PictureFormat {
  return type === 'jpeg' || type === 'webp' ? type : 'png';
}

async function reencode(
  { data, info }: Picture,
  format: PictureFormat,
  { compression, width }: RenditionWish,
): Promise<Picture> {
  try {
    const bytes = await transcode(await decodeBase64(data), {
      format,
      compression,
      ...(width !== undefined && { width }),
    });
    return { data: await encodeBase64(bytes), info: await checkPicture(bytes) };
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    const message = `The picture came as ${info.type} and cannot be made into ${format}. Leave the format out to get it as it came.`;
    throw new GatewayError('unsupported', message, { param: 'output_format', code: 'unsupported_value' }, error);
  }
}
