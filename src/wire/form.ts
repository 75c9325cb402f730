import { Base64Writer } from './base64-writer.ts';
import { ByteViews } from './byte-views.ts';
import { FormError } from './form-error.ts';
import { readPartHeader } from './form-header.ts';
import type { HeaderLimits, PartHeader } from './form-header.ts';
import type { LongString } from './long-string.ts';

export { FormError };

/** A part of a form, in the order they came. */
export type FormPart = TextField | FileField;

export interface TextField {
  readonly kind: 'text';
  readonly name: string;
  readonly text: string;
}

export interface FileField {
  readonly kind: 'file';
  readonly name: string;
  /** As claimed, possibly empty; null: it has none. Nothing may be believed of it. */
  readonly fileName: string | null;
  /** Its bytes as base64, the form in which they go on. */
  readonly data: LongString;
  /** Of the bytes themselves. */
  readonly byteLength: number;
}

export interface FormLimits extends HeaderLimits {
  readonly bytes: number;
  readonly parts: number;
  readonly headerBytes: number;
  /** Of one field. */
  readonly fieldBytes: number;
  /** Of all fields: what becomes JavaScript strings. */
  readonly textBytes: number;
  /** Of one file. */
  readonly fileBytes: number;
  /** Before the first part, where clients have nothing to say. */
  readonly preambleBytes: number;
}

export const FORM_LIMITS: FormLimits = {
  bytes: 64 << 20,
  parts: 128,
  headerBytes: 8 << 10,
  nameLength: 256,
  fileNameLength: 1024,
  fieldBytes: 1 << 20,
  textBytes: 2 << 20,
  fileBytes: 50 << 20,
  preambleBytes: 4 << 10,
};

const LINE_END = Buffer.from('\r\n');
const HEADER_END = Buffer.from('\r\n\r\n');
const RETURN = 0x0d;
const NONE = Buffer.alloc(0);

type State = 'preamble' | 'delimiter' | 'header' | 'content' | 'epilogue';

/** The part that is being read. */
interface Open {
  readonly header: PartHeader;
  readonly text: ByteViews;
  readonly file: Base64Writer | null;
}

/**
 * Reads one multipart/form-data body chunk by chunk: https://www.rfc-editor.org/rfc/rfc7578 and, for its framing,
 * https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1. Files become base64 while they arrive, so that of their bytes no
 * more is held than that; no step takes long however long the body is.
 */
export class FormReader {
  readonly #limits: FormLimits;
  readonly #delimiter: Buffer;
  readonly #parts: FormPart[] = [];
  #state: State = 'preamble';
  #open: Open | null = null;
  #byteLength = 0;
  #textBytes = 0;
  #skipped = 0;
  /** Bytes of the line end between a header and its content that have not come yet. */
  #lineEnd = 0;
  /** What came and may be the beginning of something. The first delimiter may stand at the very beginning, without a line end. */
  #rest: Buffer = LINE_END;

  constructor(boundary: string, limits: Partial<FormLimits> = {}) {
    this.#limits = { ...FORM_LIMITS, ...limits };
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  /** Of all that was pushed. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Throws FormError at the first mistake; the reader is of no use after that. Of a text the chunks are kept until it ends. */
  push(chunk: Uint8Array): void {
    this.#byteLength += chunk.length;
    if (this.#byteLength > this.#limits.bytes)
      throw new FormError('body_too_large', `the body has more than ${this.#limits.bytes} bytes`);
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (this.#rest.length > 0) bytes = Buffer.concat([this.#rest, bytes]);
    this.#rest = NONE;
    let at = 0;
    for (;;) {
      const next = this.#step(bytes, at);
      if (next === null) break;
      at = next;
    }
  }

  /** The body is complete. */
  end(): readonly FormPart[] {
    if (this.#state === 'preamble') throw notFound();
    if (this.#state !== 'epilogue')
      throw new FormError(
        'syntax',
        'it ends before the boundary that closes it: it was cut off, or a file holds the boundary',
        this.#open?.header.name,
      );
    return this.#parts;
  }

  /** Reads on from there. Null when more bytes must come first; what is left is then in `#rest`. */
  #step(bytes: Buffer, at: number): number | null {
    if (this.#state === 'header') return this.#readHeader(bytes, at);
    if (this.#state === 'delimiter') return this.#readDelimiterEnd(bytes, at);
    return this.#state === 'epilogue' ? this.#wait(NONE) : this.#readUpToDelimiter(bytes, at);
  }

  #wait(rest: Uint8Array): null {
    // A copy: a view would keep the whole chunk.
    this.#rest = rest.length === 0 ? NONE : Buffer.from(rest);
    return null;
  }

  #readUpToDelimiter(bytes: Buffer, at: number): number | null {
    const found = bytes.indexOf(this.#delimiter, at);
    const end = found < 0 ? this.#beginningAtEnd(bytes, at) : found;
    this.#take(bytes.subarray(at, end));
    if (found < 0) return this.#wait(bytes.subarray(end));
    this.#close();
    this.#state = 'delimiter';
    return found + this.#delimiter.length;
  }

  /** Where the bytes end in what may be the beginning of a delimiter. It has one carriage return, at its first place. */
  #beginningAtEnd(bytes: Buffer, at: number): number {
    const start = bytes.lastIndexOf(RETURN);
    const length = bytes.length - start;
    if (start < at || length >= this.#delimiter.length) return bytes.length;
    return this.#delimiter.subarray(0, length).equals(bytes.subarray(start)) ? start : bytes.length;
  }

  /** White space may follow a boundary, then the line ends; two hyphens close the form. */
  #readDelimiterEnd(bytes: Buffer, at: number): number | null {
    const MOST = 66;
    const line = bytes.toString('latin1', at, at + MOST);
    if (line.startsWith('--')) {
      this.#state = 'epilogue';
      return at + 2;
    }
    const [space = ''] = /^[ \t]*/.exec(line) ?? [];
    const ending = line.slice(space.length);
    if (ending.startsWith('\r\n')) {
      this.#state = 'header';
      return at + space.length + 2;
    }
    if (line.length === MOST || !['', '\r', '-'].includes(ending) || (ending === '-' && space !== ''))
      throw new FormError('syntax', 'something else than a line end (CRLF) follows a boundary');
    return this.#wait(bytes.subarray(at));
  }

  #readHeader(bytes: Buffer, at: number): number | null {
    const { headerBytes, parts } = this.#limits;
    if (this.#parts.length === parts) throw new FormError('too_many', `it has more than ${parts} parts`);
    const end = bytes.indexOf(HEADER_END, at);
    if ((end < 0 ? bytes.length : end) - at > headerBytes)
      throw new FormError('part_too_large', `the header of a part has more than ${headerBytes} bytes`);
    if (bytes.length - at >= LINE_END.length && bytes.subarray(at, at + LINE_END.length).equals(LINE_END))
      throw new FormError('syntax', 'a part has no Content-Disposition header');
    if (end < 0) return this.#wait(bytes.subarray(at));
    const header = readPartHeader(bytes.subarray(at, end), this.#limits);
    this.#open = { header, text: new ByteViews(), file: header.isFile ? new Base64Writer() : null };
    this.#state = 'content';
    // The line end after the header may begin the delimiter of a part without content; else it belongs to nothing.
    this.#lineEnd = LINE_END.length;
    return end + LINE_END.length;
  }

  #take(bytes: Buffer): void {
    if (this.#open === null) {
      this.#skipped += bytes.length;
      if (this.#skipped > this.#limits.preambleBytes) throw notFound();
      return;
    }
    const content = bytes.subarray(this.#lineEnd);
    this.#lineEnd -= bytes.length - content.length;
    const { header, text, file } = this.#open;
    const { fileBytes, fieldBytes, textBytes } = this.#limits;
    if (file !== null) {
      file.push(content);
      if (file.byteLength > fileBytes) throw partTooLarge(`its file has more than ${fileBytes} bytes`, header);
      return;
    }
    text.push(content);
    this.#textBytes += content.length;
    if (text.byteLength > fieldBytes) throw partTooLarge(`its text has more than ${fieldBytes} bytes`, header);
    if (this.#textBytes > textBytes) throw partTooLarge(`all texts together have more than ${textBytes} bytes`, header);
  }

  #close(): void {
    if (this.#open === null) return;
    const { header, text, file } = this.#open;
    const { name, fileName } = header;
    if (file === null) this.#parts.push({ kind: 'text', name, text: textOf(text.take(), header) });
    else this.#parts.push({ kind: 'file', name, fileName, byteLength: file.byteLength, data: file.end() });
    this.#open = null;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(views: readonly Uint8Array[], { name }: PartHeader): string {
  try {
    return utf8.decode(Buffer.concat(views));
  } catch (error) {
    throw new FormError('syntax', 'its text is not UTF-8', name, { cause: error });
  }
}

function partTooLarge(message: string, { name }: PartHeader): FormError {
  return new FormError('part_too_large', message, name);
}

function notFound(): FormError {
  return new FormError(
    'syntax',
    'it does not begin with the boundary that the Content-Type header names; leave that header to your HTTP client',
  );
}
