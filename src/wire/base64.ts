import { LongString } from './long-string.ts';
import { nextTurn } from './turns.ts';

/** Text that is no base64. The message is for its sender and quotes none of it. */
export class Base64Error extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Base64Error';
  }
}

/** Characters handled as one JavaScript string: short enough to die young, and a multiple of four. */
const SLICE = 32_768;
/** Characters between two turns of the event loop: one to three milliseconds of work. */
const TURN = 2 * 1024 * 1024;

/**
 * The bytes a base64 text stands for. Reads both alphabets of https://www.rfc-editor.org/rfc/rfc4648, padded or not, JSON
 * escapes among them, and gives way to the event loop every 2 MB. Throws Base64Error on anything else, white space included.
 */
export async function decodeBase64(data: LongString | string): Promise<Buffer> {
  const text = asLongString(data);
  const bytes = Buffer.allocUnsafeSlow(mostBytes(text));
  let written = 0;
  await read(text, (slice) => {
    written += decodeSlice(slice, bytes, written);
  });
  return bytes.subarray(0, written);
}

/** Characters of one piece: small enough to be decoded between two writes. */
const PIECE = 8 * SLICE;

/**
 * The bytes from `from` up to `to` of a canonical text, each piece decoded when it is asked for: whoever sends a picture
 * to a slow reader holds one piece of it.
 */
export function* decodePieces(data: LongString, from: number, to: number): Generator<Buffer, void, void> {
  let character = Math.floor(from / 3) * 4;
  const end = Math.min(data.byteLength, Math.ceil(to / 3) * 4);
  let at = Math.floor(from / 3) * 3;
  while (character < end) {
    const length = Math.min(PIECE, end - character);
    const piece = Buffer.allocUnsafeSlow((length / 4) * 3);
    let written = 0;
    for (let done = 0; done < length; done += SLICE) {
      const first = character + done;
      written += piece.write(charactersOf(data, first, Math.min(first + SLICE, character + length)), written, 'base64');
    }
    yield piece.subarray(Math.max(0, from - at), Math.min(written, to - at));
    character += length;
    at += written;
  }
}

function charactersOf({ chunks }: LongString, from: number, to: number): string {
  let characters = '';
  let start = 0;
  for (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (start < to && start + chunk.length > from)
      characters += bytes.toString('latin1', Math.max(0, from - start), Math.min(chunk.length, to - start));
    start += chunk.length;
  }
  return characters;
}

/** How many bytes a canonical text stands for. */
export function decodedLength({ chunks, byteLength }: LongString): number {
  const PADDING = 0x3d;
  const last = chunks.flatMap((chunk) => [...chunk.subarray(-2)]).slice(-2);
  return (byteLength / 4) * 3 - last.filter((character) => character === PADDING).length;
}

/** Standard alphabet, padded. Gives way to the event loop every 2 MB. */
export async function encodeBase64(bytes: Uint8Array): Promise<LongString> {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = Buffer.allocUnsafeSlow(Math.ceil(source.length / 3) * 4);
  const step = (SLICE / 4) * 3;
  let written = 0;
  for (let at = 0; at < source.length; at += step) {
    if (written > 0 && written % TURN === 0) await nextTurn();
    written += text.write(source.toString('base64', at, at + step), written, 'latin1');
  }
  return LongString.fromBase64([text]);
}

/**
 * The bytes, and the string spelt in the standard alphabet, padded, without escapes: the same string where it is that
 * already. The bytes are put where `allocate` says. Throws Base64Error as decodeBase64 does.
 */
export async function readBase64(
  data: LongString | string,
  allocate: (byteLength: number) => Buffer = Buffer.allocUnsafeSlow,
): Promise<{ readonly bytes: Buffer; readonly canonical: LongString }> {
  const text = asLongString(data);
  const bytes = allocate(mostBytes(text));
  let written = 0;
  const isCanonical = await read(text, (slice) => {
    written += decodeSlice(slice, bytes, written);
  });
  const whole = bytes.subarray(0, written);
  return { bytes: whole, canonical: isCanonical ? text : await encodeBase64(whole) };
}

/**
 * Hands over the bytes slice by slice, each only for the time of the call, and tells whether the text is spelt as
 * encodeBase64 would spell it. Throws Base64Error as decodeBase64 does, maybe in the middle.
 */
export async function scanBase64(data: LongString, take: (bytes: Uint8Array) => void): Promise<boolean> {
  const decoded = Buffer.allocUnsafe(SLICE);
  return read(data, (slice) => take(decoded.subarray(0, decodeSlice(slice, decoded, 0))));
}

/** One pass over the characters, and whether encoding what they stand for would spell them the same way. */
async function read(text: LongString, take: (slice: Slice) => void): Promise<boolean> {
  let last = '';
  let isCanonical = !text.escaped && text.byteLength % 4 === 0;
  let sinceTurn = 0;
  for (const characters of text.escaped ? unescapedSlices(text) : slices(text)) {
    const slice = { characters, isUrlSafe: isUrlSafe(characters) };
    isCanonical &&= !slice.isUrlSafe;
    take(slice);
    last = characters;
    sinceTurn += characters.length;
    if (sinceTurn < TURN) continue;
    sinceTurn = 0;
    await nextTurn();
  }
  // Only the last group can have bits that nobody reads.
  const group = last.slice(-4);
  return isCanonical && Buffer.from(group, 'base64').toString('base64') === group;
}

/** Whole groups of four; only the last of a text may be short or padded, and is one group alone. */
interface Slice {
  readonly characters: string;
  readonly isUrlSafe: boolean;
}

function asLongString(data: LongString | string): LongString {
  return typeof data === 'string' ? LongString.fromText(data) : data;
}

function mostBytes({ byteLength }: LongString): number {
  return Math.ceil(byteLength / 4) * 3;
}

function isUrlSafe(characters: string): boolean {
  return characters.includes('-') || characters.includes('_');
}

/** Of a text without escapes: each slice is copied once, out of one chunk, but for the groups that lie across two. */
function* slices({ chunks, byteLength }: LongString): Generator<string, void, void> {
  const lastGroup = Math.max(0, byteLength - 1) & ~3;
  let start = 0;
  let rest = ''; // the beginning of a group that ends in the next chunk, or of the last one
  for (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = 0;
    if (rest !== '') {
      at = Math.min(bytes.length, 4 - rest.length);
      rest += bytes.toString('latin1', 0, at);
      if (rest.length === 4 && start + at <= lastGroup) {
        yield unpadded(rest);
        rest = '';
      }
    }
    const end = Math.min(bytes.length, lastGroup - start);
    for (let whole = at + ((end - at) & ~3); at < whole;) {
      const to = Math.min(at + SLICE, whole);
      yield unpadded(bytes.toString('latin1', at, to));
      at = to;
    }
    rest += bytes.toString('latin1', at);
    start += bytes.length;
  }
  if (rest !== '') yield rest;
}

function unpadded(characters: string): string {
  if (characters.endsWith('=')) throw new Base64Error('the base64 has padding before its end');
  return characters;
}

function* unescapedSlices(text: LongString): Generator<string, void, void> {
  let cut = ''; // an escape cut by the end of a chunk
  let rest = ''; // fewer characters than a group, or the last group
  for (const chunk of text.chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let at = 0; at < bytes.length; at += SLICE) {
      let characters = bytes.toString('latin1', at, at + SLICE);
      [characters, cut] = unescape(cut + characters);
      characters = rest + characters;
      const whole = Math.max(0, characters.length - 1) & ~3;
      rest = characters.slice(whole);
      if (whole > 0) yield unpadded(characters.slice(0, whole));
    }
  }
  if (cut !== '') throw new Base64Error('the base64 ends within an escape');
  if (rest !== '') yield rest;
}

/** JSON text without its escapes, and what is left of it when its end cuts one. Writers escape `/`, some `+` and `=`. */
function unescape(json: string): [characters: string, cut: string] {
  const last = json.lastIndexOf('\\');
  const size = json[last + 1] === 'u' ? 6 : 2;
  const end = last >= 0 && last + size > json.length ? last : json.length;
  const whole = json.slice(0, end);
  if (/\\(?!\/|u00)/.test(whole)) throw foreignCharacter();
  return [JSON.parse(`"${whole}"`) as string, json.slice(end)];
}

/** Writes the bytes of one slice and says how many. Node's decoder skips what is not base64: then bytes are missing. */
function decodeSlice({ characters, isUrlSafe }: Slice, bytes: Buffer, at: number): number {
  const padding = characters.length % 4 > 0 ? 0 : characters.endsWith('==') ? 2 : characters.endsWith('=') ? 1 : 0;
  const digits = characters.length - padding;
  if (digits % 4 === 1) throw new Base64Error('the base64 is cut off: its last group has one character');
  const written = bytes.write(characters, at, isUrlSafe ? 'base64url' : 'base64');
  if (written !== Math.floor((digits * 3) / 4)) throw foreignCharacter();
  return written;
}

function foreignCharacter(): Base64Error {
  return new Base64Error('the base64 contains white space or another character outside its alphabet');
}
