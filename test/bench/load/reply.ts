/** Reads HTTP/1.1 replies off one connection as cheaply as that goes: where each ends, and what its status is. */
export class ReplyReader {
  readonly #onEnd: (reply: Reply) => void;
  #head = '';
  #reply: Reply | null = null;
  /** Bytes of the body, or of the chunk, that are still to come; in a chunked body its line feed too. */
  #left = 0;
  #chunkLine = '';
  #isChunked = false;
  #isLastChunk = false;

  constructor(onEnd: (reply: Reply) => void) {
    this.#onEnd = onEnd;
  }

  /** Takes what has come; it may be gone after the call. */
  read(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#reply === null) at = this.#readHead(bytes, at);
      else if (this.#isChunked) at = this.#readChunk(bytes, at, this.#reply);
      else at = this.#readBody(bytes, at, this.#reply);
    }
  }

  #readHead(bytes: Buffer, from: number): number {
    const known = this.#head.length;
    this.#head += bytes.toString('latin1', from, Math.min(bytes.length, from + MOST_HEAD_BYTES));
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return bytes.length;
    const head = this.#head.slice(0, end).toLowerCase();
    this.#head = '';
    const field = (name: string): string => new RegExp(`\r\n${name}: *([^\r]*)`).exec(head)?.[1] ?? '';
    this.#reply = {
      status: Number(head.slice(9, 12)),
      cacheStatus: field('cache-status') || field('x-cache'),
      closes: field('connection') === 'close',
      byteLength: 0,
      words: '',
    };
    this.#isChunked = field('transfer-encoding') === 'chunked';
    this.#left = this.#isChunked ? 0 : Number(field('content-length'));
    [this.#chunkLine, this.#isLastChunk] = ['', false];
    if (!this.#isChunked && this.#left === 0) this.#end();
    return from + end + 4 - known;
  }

  #readBody(bytes: Buffer, from: number, reply: Reply): number {
    const taken = Math.min(this.#left, bytes.length - from);
    this.#take(bytes, from, taken, reply);
    this.#left -= taken;
    if (this.#left === 0) this.#end();
    return from + taken;
  }

  #readChunk(bytes: Buffer, from: number, reply: Reply): number {
    if (this.#left > 0) {
      const taken = Math.min(this.#left, bytes.length - from);
      this.#take(bytes, from, taken, reply);
      this.#left -= taken;
      return from + taken;
    }
    const feed = bytes.indexOf(10, from);
    if (feed < 0) {
      this.#chunkLine += bytes.toString('latin1', from);
      return bytes.length;
    }
    const line = this.#chunkLine + bytes.toString('latin1', from, feed - 1);
    this.#chunkLine = '';
    if (this.#isLastChunk) this.#end();
    else if (line !== '') {
      this.#left = Number.parseInt(line, 16);
      this.#isLastChunk = this.#left === 0;
    }
    return feed + 1;
  }

  #take(bytes: Buffer, from: number, length: number, reply: Reply): void {
    reply.byteLength += length;
    if (reply.status !== 200 && reply.words.length < MOST_WORDS)
      reply.words += bytes.toString('utf8', from, from + length);
  }

  #end(): void {
    const reply = this.#reply!;
    this.#reply = null;
    this.#onEnd(reply);
  }
}

export interface Reply {
  readonly status: number;
  readonly cacheStatus: string;
  /** Whether the connection ends with it. */
  readonly closes: boolean;
  byteLength: number;
  /** What it says where it is no 200. */
  words: string;
}

const MOST_HEAD_BYTES = 65_536;
const MOST_WORDS = 500;
