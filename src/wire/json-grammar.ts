import { JsonError, unexpected, unfinished } from './json-error.ts';
import { continueNumber, NUMBER_LACKS, startNumber, type NumberState } from './json-number.ts';

/** What may come next, in the words of the error that says it did not come. */
const EXPECTED = {
  value: 'a value',
  firstItem: "a value or ']'",
  firstKey: `'"' (a key) or '}'`,
  key: `'"' (a key)`,
  colon: "':'",
  afterItem: "',' or ']'",
  afterField: "',' or '}'",
  end: 'the end of the document',
} as const;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const WORDS: ReadonlyMap<number, string> = new Map(['true', 'false', 'null'].map((word) => [word.charCodeAt(0), word]));

/**
 * Checks the bytes of a JSON document outside its strings, in whatever chunks they come: a pushdown automaton of
 * https://www.rfc-editor.org/rfc/rfc8259. It stops behind every opening quote, for its user to read the string and close it.
 */
export class Grammar {
  /** The string its user has to read now. */
  string: 'key' | 'value' | null = null;
  #expects: keyof typeof EXPECTED = 'value';
  #number: NumberState | null = null;
  #word = '';
  #lettersRead = 0;
  readonly #open: ('array' | 'object')[] = [];
  readonly #maxDepth: number;

  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth;
  }

  /** Arrays and objects that are open. */
  get depth(): number {
    return this.#open.length;
  }

  /** Of the key its user has to read now: whether it is the first of its object. */
  get isFirstKey(): boolean {
    return this.#expects === 'firstKey';
  }

  /** The index behind the next opening quote, or `end`. `base` is the offset of `bytes` in the document. */
  read(bytes: Uint8Array, at: number, end: number, base: number): number {
    while (at < end && this.string === null) {
      this.#step(bytes[at]!, base + at);
      at += 1;
    }
    return at;
  }

  closeString(): void {
    if (this.string === 'key') this.#expects = 'colon';
    else this.#afterValue();
    this.string = null;
  }

  /** The document ends here, at `offset`. */
  end(offset: number): void {
    const lacks = this.#number === null ? null : NUMBER_LACKS[this.#number];
    if (lacks !== null) throw unfinished(offset, lacks);
    if (this.string !== null) throw unfinished(offset, `'"' (the end of a string)`);
    if (this.#word !== '') throw unfinished(offset, this.#word);
    if (this.#expects !== 'end') throw unfinished(offset, EXPECTED[this.#expects]);
  }

  #step(byte: number, offset: number): void {
    if (this.#number !== null) {
      const next = continueNumber(this.#number, byte);
      const lacks = next === null ? NUMBER_LACKS[this.#number] : null;
      if (lacks !== null) throw unexpected(byte, offset, lacks);
      this.#number = next;
      if (next !== null) return;
    }
    if (this.#word !== '') this.#letter(byte, offset);
    else if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) this.#token(byte, offset);
  }

  #letter(byte: number, offset: number): void {
    if (byte !== this.#word.charCodeAt(this.#lettersRead)) throw unexpected(byte, offset, this.#word);
    this.#lettersRead += 1;
    if (this.#lettersRead === this.#word.length) this.#word = '';
  }

  #token(byte: number, offset: number): void {
    switch (this.#expects) {
      case 'value':
        return this.#value(byte, offset);
      case 'firstItem':
        return byte === CLOSE_ARRAY ? this.#close() : this.#value(byte, offset);
      case 'firstKey':
        return byte === CLOSE_OBJECT ? this.#close() : this.#key(byte, offset);
      case 'key':
        return this.#key(byte, offset);
      case 'colon':
        if (byte !== COLON) break;
        this.#expects = 'value';
        return;
      case 'afterItem':
        if (byte === CLOSE_ARRAY) return this.#close();
        if (byte !== COMMA) break;
        this.#expects = 'value';
        return;
      case 'afterField':
        if (byte === CLOSE_OBJECT) return this.#close();
        if (byte !== COMMA) break;
        this.#expects = 'key';
        return;
      case 'end':
        break;
    }
    throw unexpected(byte, offset, EXPECTED[this.#expects]);
  }

  #key(byte: number, offset: number): void {
    if (byte !== QUOTE) throw unexpected(byte, offset, EXPECTED[this.#expects]);
    this.string = 'key';
  }

  #value(byte: number, offset: number): void {
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) return this.#enter(byte, offset);
    if (byte === QUOTE) {
      this.string = 'value';
      return;
    }
    this.#number = startNumber(byte);
    this.#word = WORDS.get(byte) ?? '';
    this.#lettersRead = 1;
    if (this.#number === null && this.#word === '') throw unexpected(byte, offset, EXPECTED[this.#expects]);
    this.#afterValue();
  }

  #enter(byte: number, offset: number): void {
    if (this.#open.length >= this.#maxDepth) {
      throw new JsonError('too_deep', offset, `nested deeper than ${this.#maxDepth} levels`);
    }
    this.#open.push(byte === OPEN_ARRAY ? 'array' : 'object');
    this.#expects = byte === OPEN_ARRAY ? 'firstItem' : 'firstKey';
  }

  #close(): void {
    this.#open.pop();
    this.#afterValue();
  }

  #afterValue(): void {
    const inside = this.#open.at(-1);
    this.#expects = inside === undefined ? 'end' : inside === 'array' ? 'afterItem' : 'afterField';
  }
}
