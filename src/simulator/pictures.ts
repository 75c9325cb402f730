import { hash, randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { encodePixels } from '../image/rendition.ts';
import type { Pixels } from '../image/size.ts';
import { encodeBase64 } from '../wire/base64.ts';
import { LongString } from '../wire/long-string.ts';
import { draw } from './draw.ts';

export type SentFormat = 'png' | 'jpeg';

export interface Drawing {
  readonly data: LongString;
  readonly mimeType: string;
  readonly pixels: Pixels;
}

export interface Sketch {
  /** Decides every pixel. */
  readonly digest: string;
  /** Its first words are written into the picture. */
  readonly prompt: string;
  readonly pixels: Pixels;
  readonly format: SentFormat;
}

export interface Pictures {
  /** The same sketch gives the same bytes. */
  repeatable(sketch: Sketch): Promise<Drawing>;
  /** Never the same bytes twice, and other pixels from one call to the next. */
  fresh(sketch: Sketch): Promise<Drawing>;
}

/** How many different pictures unseeded calls of one prompt go through: each is drawn once and then only stamped anew. */
const VARIANTS = 8;
const DEFAULT_CACHE_BYTES = 64 << 20;
/** The gateway may be in the same process: its renditions are not to wait behind a crowd of ours. */
const AT_ONCE = 2;

export function createPictures(cacheBytes = DEFAULT_CACHE_BYTES): Pictures {
  const drawn = new Map<string, { readonly base64: Promise<Buffer>; bytes: number }>();
  const inTurn = createTurnstile(AT_ONCE);
  let heldBytes = 0;
  let calls = 0;

  function base64Of(sketch: Sketch): Promise<Buffer> {
    const key = `${sketch.digest} ${sketch.pixels.width}x${sketch.pixels.height} ${sketch.format}`;
    const entry = drawn.get(key) ?? { base64: inTurn(() => encode(sketch)), bytes: 0 };
    if (!drawn.delete(key)) void keep(key, entry);
    drawn.set(key, entry);
    return entry.base64;
  }

  /** The map is in order of use, so the first to go is the one longest unused; what is being drawn weighs nothing yet. */
  async function keep(key: string, entry: { readonly base64: Promise<Buffer>; bytes: number }): Promise<void> {
    try {
      entry.bytes = (await entry.base64).length;
    } catch {
      // Whoever asked for it is told; the next one may try again.
      drawn.delete(key);
    }
    heldBytes += entry.bytes;
    for (const [oldest, { bytes }] of drawn) {
      if (heldBytes <= cacheBytes) break;
      if (bytes > 0 && drawn.delete(oldest)) heldBytes -= bytes;
    }
  }

  return {
    async repeatable(sketch) {
      return drawing(sketch, [await base64Of(sketch)]);
    },
    async fresh(sketch) {
      const variant = `${sketch.digest} variant ${calls++ % VARIANTS}`;
      const digest = hash('sha256', variant);
      return drawing(sketch, stamp(await base64Of({ ...sketch, digest }), sketch.format));
    },
  };
}

function drawing({ pixels, format }: Sketch, base64: readonly Uint8Array[]): Drawing {
  return { data: LongString.fromBase64(base64), mimeType: `image/${format}`, pixels };
}

async function encode({ digest, prompt, pixels, format }: Sketch): Promise<Buffer> {
  const canvas = draw(Buffer.from(digest, 'hex'), prompt, pixels);
  const { width, height } = pixels;
  const base64 = await encodeBase64(await encodePixels({ ...canvas, scaleTo: { width, height } }, format));
  return Buffer.concat(base64.chunks);
}

/** Lets so many through at once; the others wait their turn. */
function createTurnstile(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let inside = 0;
  return async (work) => {
    if (inside < limit) inside += 1;
    else await new Promise<void>((go) => waiting.push(go));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else inside -= 1;
    }
  };
}

/**
 * A comment no other picture has, slipped in behind the header. Its length is a multiple of three, so all the base64
 * behind it stays as it is: a fresh picture costs a few bytes, not a drawing.
 */
function stamp(base64: Buffer, format: SentFormat): Buffer[] {
  // Whole groups of base64: a PNG's signature and IHDR, or a JPEG's SOI and the FF of its next marker.
  const headBytes = format === 'png' ? 33 : 3;
  const headLength = (headBytes / 3) * 4;
  const head = Buffer.from(base64.toString('latin1', 0, headLength), 'base64');
  const unique = randomUUID().slice(-25);
  const stamped =
    format === 'png' ? [head, textChunk(unique)] : [head.subarray(0, 2), comment(unique), head.subarray(2)];
  return [Buffer.from(Buffer.concat(stamped).toString('base64'), 'latin1'), base64.subarray(headLength)];
}

/** 45 bytes: https://www.w3.org/TR/png-3/#11tEXt */
function textChunk(unique: string): Buffer {
  const body = Buffer.from(`tEXtComment\0${unique.padEnd(25)}`, 'latin1');
  const chunk = Buffer.alloc(4 + body.length + 4);
  chunk.writeUInt32BE(body.length - 4);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), 4 + body.length);
  return chunk;
}

/** 30 bytes: a COM segment, https://www.w3.org/Graphics/JPEG/itu-t81.pdf B.2.4.5 */
function comment(unique: string): Buffer {
  return Buffer.from(`\xff\xfe\0\x1c${unique.padEnd(26)}`, 'latin1');
}
