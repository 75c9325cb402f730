export type JsonFault = 'syntax' | 'encoding' | 'too_large' | 'too_deep' | 'too_many' | 'name';

/**
 * A document that is not JSON, or more of it than is taken, or with a name that is not taken. The message is for its
 * sender and quotes at most one character, or the beginning of a name.
 */
export class JsonError extends Error {
  readonly reason: JsonFault;
  /** Of the byte at fault, from the document's start. */
  readonly offset: number;

  constructor(reason: JsonFault, offset: number, what: string) {
    super(`Invalid JSON at byte ${offset}: ${what}`);
    this.name = 'JsonError';
    this.reason = reason;
    this.offset = offset;
  }
}

export function unexpected(byte: number, offset: number, expected: string): JsonError {
  return new JsonError('syntax', offset, `found ${spell(byte, offset)}, expected ${expected}`);
}

export function unfinished(offset: number, expected: string): JsonError {
  return new JsonError('syntax', offset, `found the end of the document, expected ${expected}`);
}

function spell(byte: number, offset: number): string {
  if (byte === 0x27) return `"'"`;
  if (byte >= 0x20 && byte < 0x7f) return `'${String.fromCharCode(byte)}'`;
  const hex = `byte 0x${byte.toString(16).padStart(2, '0').toUpperCase()}`;
  return byte === 0xef && offset === 0 ? `${hex} (a byte order mark?)` : hex;
}
