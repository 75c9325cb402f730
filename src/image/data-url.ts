import type { Json } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';
import type { Picture } from './answer.ts';
import { invalidValue } from './fields.ts';
import { MIME_TYPES, sniff } from './picture.ts';
import type { PicturePart } from './request.ts';

/** `data:`, a type of at most 127 characters with parameters, `;base64,`: https://www.rfc-editor.org/rfc/rfc2397 */
const LONGEST_HEADER = 512;
/** In a long string as it was sent: PHP writes the slash of `image/png` as `\/`. */
const HEADER = /^data:([^;,]*)(?:;[^;,]*)*;base64,/i;

/** What senders write who do not know. */
const UNKNOWN = 'application/octet-stream';

/** Whether a string is a data URL, without reading all of it. */
export function isDataUrl(value: Json): boolean {
  return (typeof value === 'string' || value instanceof LongString) && /^\s*data:/i.test(beginningOf(value));
}

/**
 * The picture inside a data URL, as a view on it: its type as claimed, its base64 as it came. Throws GatewayError naming
 * the field when it is no data URL in base64.
 */
export function readDataUrl(value: Json, path: string): PicturePart {
  const isText = typeof value === 'string' || value instanceof LongString;
  const header = isText ? HEADER.exec(beginningOf(value)) : null;
  if (!isText || header === null)
    throw invalidValue(path, 'a data URL in base64, such as data:image/png;base64,iVBORw0…');
  const data = value instanceof LongString ? value.after(header[0].length) : value.slice(header[0].length);
  const claimed = header[1] === '' ? UNKNOWN : header[1]!.replace('\\/', '/').toLowerCase();
  return { kind: 'picture', data, mimeType: knownType(claimed, data), thought: false, signature: null, more: {} };
}

/** A picture as a data URL, its base64 as it is. */
export function dataUrl({ data, info }: Picture): LongString {
  return LongString.join([`data:${info.mimeType};base64,`, data]);
}

/** Who claims nothing is believed the first bytes of the picture. */
function knownType(claimed: string, data: string | LongString): string {
  if (claimed === 'image/jpg') return MIME_TYPES.jpeg;
  if (claimed !== UNKNOWN) return claimed;
  const type = sniff(Buffer.from(beginningOf(data).replaceAll('\\/', '/'), 'base64'));
  return type === null ? claimed : MIME_TYPES[type];
}

function beginningOf(value: string | LongString): string {
  return value instanceof LongString ? value.beginning(LONGEST_HEADER) : value.slice(0, LONGEST_HEADER);
}
