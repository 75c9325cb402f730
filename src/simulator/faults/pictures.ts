import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';
import { nominalPixels } from '../../image/size.ts';
import type { Tier } from '../../image/size.ts';
import { decodeBase64, encodeBase64 } from '../../wire/base64.ts';
import { LongString } from '../../wire/long-string.ts';
import { asPart, drawPicture, sign } from '../reply.ts';
import type { ReplyPart } from '../reply.ts';
import type { Asked } from '../request.ts';
import type { FaultSpec } from './fault.ts';

type PicturePart = Extract<ReplyPart, { kind: 'picture' }>;

/** Changes the picture that is no draft, wherever it stands. */
function picture(
  description: string,
  change: (part: PicturePart) => Partial<PicturePart> | Promise<Partial<PicturePart>>,
  ask?: FaultSpec['ask'],
): FaultSpec {
  return {
    description,
    ...(ask ? { ask } : {}),
    reply: async (reply) => {
      const parts = reply.parts.map(async (part) =>
        part.kind === 'picture' && !part.thought ? { ...part, ...(await change(part)) } : part,
      );
      return { ...reply, parts: await Promise.all(parts) };
    },
  };
}

async function withBytes(part: PicturePart, change: (bytes: Buffer) => Buffer): Promise<Partial<PicturePart>> {
  return { data: await encodeBase64(change(await decodeBase64(part.data))) };
}

const asPng = (asked: Asked): Asked => ({ ...asked, format: 'png' });

function atTier(asked: Asked, tier: Tier): Asked {
  return { ...asked, shape: { ...asked.shape, tier, pixels: nominalPixels(asked.shape.ratio, tier) } };
}

function smallestTier(asked: Asked): Tier {
  return asked.model.tiers.includes('1K') && asked.shape.tier !== '1K' ? '1K' : (asked.model.tiers[0] ?? '1K');
}

/** 20,000 x 20,000 white pixels in 50 KB. */
async function bomb(): Promise<Buffer> {
  const side = 20_000;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, 0, 0, 0, 0], 8);
  const rows = await promisify(deflate)(Buffer.alloc((1 + side / 8) * side));
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** Pictures that are not what they should be. All are billed: the vendor believes it drew them. */
export const PICTURES = {
  'broken-picture': picture(
    'a PNG with one byte wrong in its middle',
    (part) =>
      withBytes(part, (bytes) => {
        const middle = Math.floor(bytes.length / 2);
        return Buffer.concat([
          bytes.subarray(0, middle),
          Buffer.from([bytes[middle]! ^ 0xff]),
          bytes.subarray(middle + 1),
        ]);
      }),
    asPng,
  ),
  'truncated-picture': picture('the first half of a picture, correctly encoded', (part) =>
    withBytes(part, (bytes) => bytes.subarray(0, bytes.length / 2)),
  ),
  'wrong-mime': picture(
    'a JPEG that says it is image/png',
    () => ({ mimeType: 'image/png' }),
    (asked) => ({ ...asked, format: 'jpeg' }),
  ),
  polyglot: picture('a picture with a page of HTML behind its end', (part) =>
    withBytes(part, (bytes) => Buffer.concat([bytes, Buffer.from('<script>alert(1)</script>')])),
  ),
  'not-a-picture': picture('a page of HTML that says it is image/png', async () => ({
    data: await encodeBase64(Buffer.from('<!DOCTYPE html><title>No picture</title>'.repeat(200))),
    mimeType: 'image/png',
  })),
  'bad-base64': picture('a picture whose base64 has characters that are none', (part) => ({
    data: LongString.fromBase64([...part.data.chunks, Buffer.from('!!%%')]),
  })),
  'empty-picture': picture('an inlineData without data', () => ({ data: LongString.fromBase64([]) })),
  'picture-bomb': picture('a PNG of 20,000 x 20,000 pixels in 50 KB', async () => ({
    data: await encodeBase64(await bomb()),
    mimeType: 'image/png',
  })),
  'tiny-dimensions': {
    description: 'a picture of 1K, whatever size was asked for',
    ask: (asked) => atTier(asked, smallestTier(asked)),
  },
  'wrong-ratio': {
    description: 'a square picture, whatever ratio was asked for',
    ask: (asked) => ({
      ...asked,
      shape: { ...asked.shape, ratio: '1:1', pixels: nominalPixels('1:1', asked.shape.tier) },
    }),
  },
  'two-pictures': {
    description: 'a picture of 1K, and the size that was asked for after it; both are billed',
    reply: async (reply, asked, studio) => {
      const small = atTier(asked, '1K');
      const first = asPart(await drawPicture(small, studio), false);
      const parts = reply.parts.flatMap((part) => (part.kind === 'picture' && !part.thought ? [first, part] : [part]));
      const image = reply.tokens.image + (asked.model.pictureTokens['1K'] ?? 0);
      return { ...reply, parts: sign(parts, asked, studio, reply.responseId), tokens: { ...reply.tokens, image } };
    },
  },
  'no-signature': {
    description: 'a picture without its thought signature',
    reply: (reply) => ({ ...reply, parts: reply.parts.map((part) => ({ ...part, signature: null })) }),
  },
} as const satisfies Record<string, FaultSpec>;
