import type { Json } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';

/**
 * The one spelling of a JSON value that all its spellings share: members sorted, no white space, strings as
 * JSON.stringify writes them. In pieces, so that a long string needs no second copy.
 */
export function canonicalJson(value: Json): (string | Uint8Array)[] {
  const pieces: (string | Uint8Array)[] = [];
  pieces.push(write(value, '', pieces));
  return pieces;
}

/** `text` and the value behind it, but for what has become a piece before. */
function write(value: Json, text: string, pieces: (string | Uint8Array)[]): string {
  if (value instanceof LongString) return writeLong(value, text, pieces);
  if (Array.isArray(value)) {
    let written = `${text}[`;
    for (const item of value) written = `${write(item, written, pieces)},`;
    return `${written}]`;
  }
  if (typeof value === 'object' && value !== null) {
    let written = `${text}{`;
    for (const name of Object.keys(value).sort())
      written = `${write(value[name] ?? null, `${written}${JSON.stringify(name)}:`, pieces)},`;
    return `${written}}`;
  }
  // JSON.stringify has one word, null, for the infinities that 1e999 and -1e999 are read as.
  return text + (typeof value === 'number' ? String(value) : JSON.stringify(value));
}

function writeLong(value: LongString, text: string, pieces: (string | Uint8Array)[]): string {
  if (value.escaped) return text + JSON.stringify(value.text());
  // What has no escape is written already as JSON.stringify would write it.
  pieces.push(`${text}"`);
  for (const chunk of value.chunks) pieces.push(chunk);
  return '"';
}
