import { GatewayError } from '../errors.ts';
import type { Drawn, Picture } from '../image/answer.ts';
import { compose, keepsPixels } from '../image/composition.ts';
import { checkPicture, PictureError } from '../image/picture.ts';
import type { PictureType } from '../image/picture.ts';
import { needsRendition, transcode } from '../image/rendition.ts';
import type { PictureFormat } from '../image/request.ts';
import type { Pixels } from '../image/size.ts';
import { decodeBase64, encodeBase64 } from '../wire/base64.ts';
import { LongString } from '../wire/long-string.ts';
import { digestOf, digestOfBase64 } from './digest.ts';
import { Parcel } from './entry.ts';
import { readRenditionHead, writeRenditionHead } from './head.ts';
import { keyName } from './key.ts';
import type { Shelf } from './shelf.ts';

/** Pictures in another format, or of other pixels, than the vendor sent: made off the event loop, once, and kept beside their source. */
export interface Renditions {
  /**
   * The vendor's own bytes where no format is asked for, or the very one that came, and its pixels are those asked for.
   * Throws `unsupported` for what cannot be made.
   */
  of(source: Source, wish: RenditionWish): Promise<Picture>;
}

type Source = Pick<Drawn, 'picture' | 'model'>;

/** Of a picture, as it came with a request. */
type Base64 = LongString | string;

export interface RenditionWish {
  readonly format: PictureFormat | null;
  readonly compression: number | null;
  /** The most pixels it may be wide; absent: as it came. It is never enlarged. */
  readonly width?: number;
  /** The very pixels it is to have; absent or null: those it has. */
  readonly exact?: Pixels | null;
  /** Set where what was drawn is laid into another picture; then `format` is never null. */
  readonly masked?: { readonly picture: Base64; readonly mask: Base64 } | null;
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

  // What was once worked out of bytes is remembered for as long as somebody holds them.
  const digests = new WeakMap<LongString, Promise<string>>();

  function digest(data: LongString): Promise<string> {
    const known = digests.get(data) ?? digestOfBase64(data).then(({ digest }) => digest);
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
      const { info } = picture;
      const exact = wish.exact ?? null;
      const isOff = exact !== null && (info.width !== exact.width || info.height !== exact.height);
      const isTooWide = info.width > width;
      const masked = wish.masked ?? null;
      const isReshaped = isOff || isTooWide || masked !== null;
      const format = wish.format ?? (isReshaped ? ownFormat(info.type) : null);
      if (format === null || !(isReshaped || needsRendition(info.type, { format, compression }))) return picture;
      const words = ['rendition 1', await digest(picture.data), format, String(compression)];
      if (isTooWide) words.push(`width ${width}`);
      if (isOff) words.push(`exact ${exact.width}x${exact.height}`);
      if (masked !== null)
        for (const data of [masked.picture, masked.mask]) words.push(`with ${await digest(asLongString(data))}`);
      if (masked !== null && format === 'webp' && keepsPixels(format, compression)) words.push('lossless');
      const name = keyName({ scope, digest: await digestOf(words.map((word) => `${word}\n`)) });
      // Whoever shares a flight shares what is made of its picture too.
      const work = making.get(name) ?? make(name, source, wish, format).finally(() => making.delete(name));
      making.set(name, work);
      return work;
    },
  };
}

function asLongString(data: Base64): LongString {
  return typeof data === 'string' ? LongString.fromText(data) : data;
}

/** That of a copy of other pixels. */
function ownFormat(type: PictureType): PictureFormat {
  return type === 'jpeg' || type === 'webp' ? type : 'png';
}

async function reencode(
  { data, info }: Picture,
  format: PictureFormat,
  { compression, width, exact = null, masked = null }: RenditionWish,
): Promise<Picture> {
  try {
    const drawn = await decodeBase64(data);
    const bytes =
      masked === null
        ? await transcode(drawn, { format, compression, exact, ...(width !== undefined && { width }) })
        : await compose(
            { drawn, picture: await decodeBase64(masked.picture), mask: await decodeBase64(masked.mask) },
            { format, compression },
          );
    return { data: await encodeBase64(bytes), info: await checkPicture(bytes) };
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    const param = masked !== null ? 'mask' : exact === null ? 'output_format' : 'fit';
    const message = `The picture came as ${info.type} and cannot be made into ${format}. Leave ${param} out to get it as it came.`;
    throw new GatewayError('unsupported', message, { param, code: 'unsupported_value' }, error);
  }
}
