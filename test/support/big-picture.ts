import { randomFillSync } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const MB = 1 << 20;
/** A multiple of three and of four: pieces of so many bytes can be encoded and decoded one by one. */
const PIECE = 3 << 14;

/** A PNG of about so many bytes, whole as far as its structure goes: noise, or one byte over and over. */
export function pngOf(byteLength: number, fill?: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(4096, 0);
  header.writeUInt32BE(4096, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const blocks: Buffer[] = [];
  for (let left = byteLength; left > 0; left -= MB) {
    const block = Buffer.alloc(Math.min(left, MB), fill);
    blocks.push(chunk('IDAT', fill === undefined ? randomFillSync(block) : block));
  }
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...blocks,
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const framed = Buffer.alloc(data.length + 12);
  framed.writeUInt32BE(data.length, 0);
  framed.write(type, 4, 'latin1');
  data.copy(framed, 8);
  framed.writeUInt32BE(crc32(framed.subarray(4, -4)), framed.length - 4);
  return framed;
}

/** Encoded piece by piece, so that no test of ours makes the string that the gateway must not make. */
export function base64Bytes(bytes: Buffer): Buffer {
  const slices: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += PIECE)
    slices.push(Buffer.from(bytes.toString('base64', at, at + PIECE), 'latin1'));
  return Buffer.concat(slices);
}

export function bytesOf(base64: Buffer): Buffer {
  const slices: Buffer[] = [];
  for (let at = 0; at < base64.length; at += PIECE)
    slices.push(Buffer.from(base64.toString('latin1', at, at + PIECE), 'base64'));
  return Buffer.concat(slices);
}

/** What stands in the first string behind these words. */
export function stringBehind(body: Buffer, words: string): Buffer {
  const start = body.indexOf(words) + words.length;
  return body.subarray(start, body.indexOf('"', start));
}

/** A vendor's reply around this picture, laid out as it sends them; with a thought signature where one is given. */
export function replyWith(picture: Buffer, signature?: Buffer): readonly Buffer[] {
  return [
    Buffer.from('{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"'),
    base64Bytes(picture),
    Buffer.from('"}'),
    ...(signature === undefined
      ? []
      : [Buffer.from(',"thoughtSignature":"'), base64Bytes(signature), Buffer.from('"')]),
    Buffer.from('}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,'),
    Buffer.from('"candidatesTokenCount":2520,"totalTokenCount":2525},"modelVersion":"gemini-3.1-flash-image"}'),
  ];
}
