import { LongString } from '../wire/long-string.ts';
import { readDataUrl } from './data-url.ts';
import { invalidValue, readString } from './fields.ts';
import type { PicturePart } from './request.ts';

// Clients that know of text alone keep pictures in it: `![a fox](data:image/png;base64,iVBORw0…)`.
// https://spec.commonmark.org/0.31.2/#images

/** Between its exclamation mark and its address; longer, it is no picture's description. */
const LONGEST_DESCRIPTION = 1000;
const ADDRESS = '](data:';
/** As sent: some writers escape the slash. */
const PICTURE_URL = /^data:image\\?\/[^;,]*(?:;[^;,]*)*;base64,/i;
const LONGEST_HEADER = 512;
/** Far more than a model takes; finding more takes time that others wait for, in each of a thousand messages. */
const MOST_ADDRESSES = 64;

/**
 * A text with the pictures inside it taken out, in their order, as views. A text that is empty is left out. Throws
 * GatewayError where what remains is no text, or too long for one, and where there are more than 64 addresses of data.
 */
export function readMarkdown(value: LongString | string, path: string): readonly (string | PicturePart)[] {
  if (typeof value === 'string' && !value.includes(ADDRESS)) return value === '' ? [] : [readString(value, path)];
  const whole = typeof value === 'string' ? LongString.fromText(value) : value;
  const found: (string | PicturePart)[] = [];
  let done = 0;
  let at = whole.indexOf(ADDRESS);
  const take = (end: number): void => {
    const text = readString(whole.slice(done, end), path);
    // Blank lines between a text and a picture are Markdown's, not the text's.
    const isWhole = done === 0 && end === whole.byteLength;
    const bare = isWhole ? text : done === 0 ? text.trimEnd() : text.trim();
    if (bare !== '') found.push(bare);
  };
  for (let count = 0; at >= 0; count += 1) {
    if (count === MOST_ADDRESSES) throw invalidValue(path, `a text with at most ${MOST_ADDRESSES} pictures`);
    const start = at + 2;
    const close = whole.indexOf(')', start);
    if (close < 0) break;
    const address = whole.slice(start, close);
    const mark = PICTURE_URL.test(address.beginning(LONGEST_HEADER)) ? markBefore(whole, done, at) : -1;
    if (mark >= 0) {
      take(mark);
      const title = address.indexOf(' ');
      const url = title < 0 ? address : address.slice(0, title);
      found.push(readDataUrl(typeof value === 'string' ? url.text() : url, path));
      done = close + 1;
    }
    at = whole.indexOf(ADDRESS, close);
  }
  if (done < whole.byteLength) take(whole.byteLength);
  return found;
}

/** Where the picture begins whose description ends at `end`; -1: it is a link. */
function markBefore(whole: LongString, start: number, end: number): number {
  const from = Math.max(start, end - LONGEST_DESCRIPTION);
  const before = whole.slice(from, end).beginning(LONGEST_DESCRIPTION);
  const mark = before.lastIndexOf('![');
  return mark < 0 || before.includes('](', mark) ? -1 : from + mark;
}
