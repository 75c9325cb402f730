import { GatewayError } from '../errors.ts';
import { LongString } from '../wire/long-string.ts';
import { MIME_TYPES, sniff } from './picture.ts';
import type { PicturePart } from './request.ts';

/** Enough of a picture to tell what it is, in characters; as JSON may escape them, each takes up to six. */
const HEAD = 88;
const HEAD_ESCAPED = 6 * HEAD;

/**
 * A picture to draw from, of which the bytes say what type it is, whatever it was called. `data`: base64 in either
 * alphabet; `path`: the field it came in. Throws GatewayError naming that where the bytes are no picture.
 */
export function referencePart(data: LongString | string, path: string): PicturePart {
  const length = data instanceof LongString ? data.byteLength : data.length;
  const type = sniff(headOf(data));
  if (type === null) {
    const what = length === 0 ? 'is empty' : 'is no picture';
    throw new GatewayError('invalid_request', `${path} ${what}: send a PNG, JPEG or WebP file.`, {
      param: path,
      code: 'invalid_image_file',
    });
  }
  return { kind: 'picture', data, mimeType: MIME_TYPES[type], thought: false, signature: null, more: {}, named: path };
}

function headOf(data: LongString | string): Buffer {
  const text = data instanceof LongString ? data.beginning(HEAD_ESCAPED) : data.slice(0, HEAD);
  const plain =
    data instanceof LongString && data.escaped
      ? text
          .replace(/\\u00([0-9a-f]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
          .replaceAll('\\/', '/')
      : text;
  return Buffer.from(plain.slice(0, HEAD), 'base64');
}
