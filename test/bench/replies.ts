import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { base64Bytes, MB, pngOf } from '../support/big-picture.ts';

/** `jpeg`: as recorded from the vendor, 1.6 MB with a thought signature of 2.9 MB beside it. */
export const REPLIES = {
  tiny: { picture: () => pngOf(120), signatureBytes: 0 },
  '1.6 MB': { picture: () => pngOf(1.6 * MB), signatureBytes: 1_000 },
  '20 MB': { picture: () => pngOf(20 * MB), signatureBytes: 1_000 },
  jpeg: { picture: () => JPEG, signatureBytes: 2.9 * MB },
} as const;
export type ReplyName = keyof typeof REPLIES;

interface Bytes {
  readonly keeping: Buffer;
  /** The same for who asks for the connection to end. */
  readonly closing: Buffer;
}

/** Noise of the size that Flash draws at 2K: about 1.6 MB. */
const JPEG = await sharp(randomBytes(2048 * 1365 * 3), { raw: { width: 2048, height: 1365, channels: 3 } })
  .blur(1.1)
  .jpeg({ quality: 88 })
  .toBuffer();

const made = new Map<ReplyName, Bytes>();

/** A vendor's reply, head and all. */
export function replyNamed(name: ReplyName): Bytes {
  const reply = made.get(name) ?? newReply(name);
  made.set(name, reply);
  return reply;
}

/** With another picture each time, but for the JPEG. */
export function newReply(name: ReplyName): Bytes {
  const { picture, signatureBytes } = REPLIES[name];
  const mimeType = name === 'jpeg' ? 'image/jpeg' : 'image/png';
  const signature =
    signatureBytes === 0 ? [] : [',"thoughtSignature":"', base64Bytes(randomBytes(signatureBytes)), '"'];
  const body = Buffer.concat(
    [
      `{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"${mimeType}","data":"`,
      base64Bytes(picture()),
      '"}',
      ...signature,
      '}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,',
      '"candidatesTokenCount":1120,"totalTokenCount":1125},"modelVersion":"gemini-3.1-flash-image"}',
    ].map((part) => Buffer.from(part as string)),
  );
  const head = (connection: string): Buffer =>
    Buffer.from(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: ${connection}\r\n\r\n`,
    );
  return {
    keeping: Buffer.concat([head('keep-alive'), body]),
    closing: Buffer.concat([head('close'), body]),
  };
}
