const BACKSLASH = 0x5c;

/**
 * A JSON string kept as bytes: the JSON-escaped bytes between its quotes, as views on what was received. A picture or a
 * thought signature of many megabytes passes through the house in this form and never becomes a JavaScript string.
 */
export class LongString {
  readonly chunks: readonly Uint8Array[];
  /** Of the escaped bytes, without the quotes. */
  readonly byteLength: number;
  /** Whether there is a backslash among them. */
  readonly escaped: boolean;

  private constructor(chunks: readonly Uint8Array[], escaped: boolean) {
    this.chunks = chunks;
    this.byteLength = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.escaped = escaped;
  }

  /** The bytes between the quotes of a valid JSON string. `escaped`: whether they contain a backslash. */
  static fromJson(chunks: readonly Uint8Array[], escaped: boolean): LongString {
    return new LongString(chunks, escaped);
  }

  /** Canonical base64 text, as bytes: https://www.rfc-editor.org/rfc/rfc4648#section-4 */
  static fromBase64(chunks: readonly Uint8Array[]): LongString {
    return new LongString(chunks, false);
  }

  static fromText(text: string): LongString {
    const json = JSON.stringify(text).slice(1, -1);
    return new LongString([Buffer.from(json)], json.includes('\\'));
  }

  /** Several in a row, as one: views on those that are long. */
  static join(pieces: readonly (LongString | string)[]): LongString {
    const all = pieces.map((piece) => (typeof piece === 'string' ? LongString.fromText(piece) : piece));
    return new LongString(
      all.flatMap(({ chunks }) => chunks),
      all.some(({ escaped }) => escaped),
    );
  }

  /** The first of its escaped bytes, as Latin-1, for what is known to be ASCII. */
  beginning(byteLength: number): string {
    let text = '';
    for (const chunk of this.chunks) {
      if (text.length >= byteLength) break;
      text += Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, byteLength)).toString('latin1');
    }
    return text.slice(0, byteLength);
  }

  /** What follows so many of its escaped bytes, as a view on them. They must end between two characters. */
  after(byteLength: number): LongString {
    return this.slice(byteLength, this.byteLength);
  }

  /** Its escaped bytes from `from` up to `to`, as a view on them. Both must be between two characters. */
  slice(from: number, to: number): LongString {
    let at = 0;
    const views: Uint8Array[] = [];
    for (const chunk of this.chunks) {
      if (at >= to) break;
      // Those before it are stepped over: many pieces are cut from a text of many chunks.
      if (at + chunk.length > from) views.push(chunk.subarray(Math.max(0, from - at), to - at));
      at += chunk.length;
    }
    return new LongString(views, this.escaped && views.some((view) => view.includes(BACKSLASH)));
  }

  /** Where an ASCII text begins in its escaped bytes, at `from` or later; -1: nowhere. */
  indexOf(ascii: string, from = 0): number {
    const reach = ascii.length - 1;
    let base = 0;
    let tail: Buffer = Buffer.alloc(0); // what may begin a text that ends in the next chunk
    for (const chunk of this.chunks) {
      if (base + chunk.length <= from) {
        base += chunk.length;
        continue;
      }
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      const seam = tail.length === 0 ? tail : Buffer.concat([tail, bytes.subarray(0, reach)]);
      const across = seam.indexOf(ascii, Math.max(0, from - base + tail.length), 'latin1');
      if (across >= 0) return base - tail.length + across;
      const within = bytes.indexOf(ascii, Math.max(0, from - base), 'latin1');
      if (within >= 0) return base + within;
      const last = bytes.length >= reach ? bytes : Buffer.concat([tail, bytes]);
      tail = last.subarray(Math.max(0, last.length - reach));
      base += bytes.length;
    }
    return -1;
  }

  /** The string it stands for, as JSON.parse would give it. For texts: of a picture this would be megabytes. */
  text(): string {
    const json = Buffer.concat(this.chunks).toString();
    return this.escaped ? (JSON.parse(`"${json}"`) as string) : json;
  }
}
