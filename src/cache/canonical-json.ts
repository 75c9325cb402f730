import type { Json } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';

/**
 * The one spelling of a JSON value that all its spellings share: members sorted, no white space, strings as
 * JSON.stringify writes them. In pieces, so that a long string needs no second copy.
 */
export function canonicalJson(value: Json): (string | Uint8Array)[] {
  const pieces: (string | Uint8Array)[] = [];
  write(value, pieces);
  return pieces;
}

function write(value: Json, pieces: (string | Uint8Array)[]): void {
  if (value instanceof LongString) writeLong(value, pieces);
  else if (Array.isArray(value)) {
    pieces.push('[');
    for (const item of value) {
      write(item, pieces);
      pieces.push(',');
    }
    pieces.push(']');
  } else if (typeof value === 'object' && value !== null) {
    pieces.push('{');
    for (const name of Object.keys(value).sort()) {
      pieces.push(JSON.stringify(name), ':');
      write(value[name] ?? null, pieces);
      pieces.push(',');
    }
    pieces.push('}');
    // JSON.stringify has one word, null, for the infinities that 1e999 and -1e999 are read as.
  } else pieces.push(typeof value === 'number' ? String(value) : JSON.stringify(value));
}

function writeLong(value: LongString, pieces: (string | Uint8Array)[]): void {
  if (value.escaped) {
    pieces.push(JSON.stringify(value.text()));
    return;
  }
  // What has no escape is written already as JSON.stringify would write it.
  pieces.push('"');
  for (const chunk of value.chunks) pieces.push(chunk);
  pieces.push('"');
}
