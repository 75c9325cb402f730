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
    let left = byteLength;
    const rest: Uint8Array[] = [];
    for (const chunk of this.chunks) {
      if (left < chunk.length) rest.push(chunk.subarray(left));
      left = Math.max(0, left - chunk.length);
    }
    return new LongString(rest, this.escaped);
  }

  /** The string it stands for, as JSON.parse would give it. For texts: of a picture this would be megabytes. */
  text(): string {
    const json = Buffer.concat(this.chunks).toString();
    return this.escaped ? (JSON.parse(`"${json}"`) as string) : json;
  }
}
