import { nextTurn } from './turns.ts';

/**
 * Over 32 MB, and so always a mapping of its own: what is given back of it leaves the process at once. Smaller blocks end
 * up in malloc's heap, where one living byte behind them keeps them all. M_MMAP_THRESHOLD in
 * https://man7.org/linux/man-pages/man3/mallopt.3.html. Only pages that were written to count.
 */
const REGION_BYTES = 33 << 20;

/** So often the regions are let go of that were never wanted since the last time. */
const SHRINK_MS = 1000;

export interface RegionsOptions {
  /** The most that is kept for the next, in bytes that were written to. */
  readonly spareBytes: number;
}

interface Region {
  buffer: ArrayBuffer;
  /** Bytes from its start that are in use, or ever were. */
  used: number;
  touched: number;
}

/** Memory lent until it is given back. */
export interface Loan {
  /** A copy of these bytes. */
  readonly keep: (bytes: Uint8Array) => Uint8Array;
  /** So many bytes in a row; what they hold is left from others. */
  readonly take: (byteLength: number) => Buffer;
  /**
   * Everything taken is empty from now on: who looks at it too late sees nothing, and never what another keeps there.
   * A write to a socket that is under way is the exception and must have ended. A loan that is never given back is
   * garbage like any other.
   */
  readonly giveBack: () => void;
}

/**
 * Memory for what is as large as a picture and soon done with, used again and again: fresh pages cost the system more
 * time than all we do with the bytes, and V8 answers every 64 MB of new buffers with a collection of the whole heap.
 */
export class Regions {
  readonly #options: RegionsOptions;
  readonly #spare: Region[] = [];
  /** The fewest there were since the last time some were let go of. */
  #least = 0;
  #timer: NodeJS.Timeout | null = null;
  #workDone: Promise<void> = Promise.resolve();

  constructor(options: RegionsOptions) {
    this.#options = options;
  }

  /** Bytes kept for the next. */
  get spareBytes(): number {
    return this.#spare.reduce((sum, { touched }) => sum + touched, 0);
  }

  lend(): Loan {
    return this.#lend((buffer) => buffer.transfer());
  }

  /** `reclaim` makes of a buffer given back the one that goes to the next. */
  #lend(reclaim: (buffer: ArrayBuffer) => ArrayBuffer): Loan {
    const lent: Region[] = [];
    let isOpen = true;
    const take = (byteLength: number): Buffer => {
      if (!isOpen) throw new Error('this memory was given back');
      let region = lent.at(-1);
      if (region === undefined || region.used + byteLength > region.buffer.byteLength) {
        region = this.#fetch(byteLength);
        lent.push(region);
      }
      const start = region.used;
      region.used += byteLength;
      return Buffer.from(region.buffer, start, byteLength);
    };
    return {
      take,
      keep: (bytes) => {
        const copy = take(bytes.length);
        copy.set(bytes);
        return copy;
      },
      giveBack: () => {
        isOpen = false;
        for (const region of lent.splice(0)) this.#takeBack({ ...region, buffer: reclaim(region.buffer) });
      },
    };
  }

  /**
   * Lends memory to one piece of work at a time, in the order they come: all of them need only what the largest needs.
   * Where the thread is what they share, none is done sooner side by side. Nothing of it may be looked at after the work:
   * V8 collects its young heap for every buffer that changes hands, and so this one does not.
   */
  async during<T>(work: (take: Loan['take']) => Promise<T>): Promise<T> {
    const before = this.#workDone;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#workDone = promise;
    await before;
    const loan = this.#lend((buffer) => buffer);
    try {
      return await work(loan.take);
    } finally {
      loan.giveBack();
      resolve();
    }
  }

  #fetch(byteLength: number): Region {
    if (byteLength <= REGION_BYTES) {
      const spare = this.#spare.pop();
      this.#least = Math.min(this.#least, this.#spare.length);
      if (spare !== undefined) return spare;
    }
    const { buffer } = Buffer.allocUnsafeSlow(Math.max(REGION_BYTES, byteLength));
    return { buffer, used: 0, touched: 0 };
  }

  #takeBack({ buffer, used, touched }: Region): void {
    const region = { buffer, used: 0, touched: Math.max(used, touched) };
    const fits = this.spareBytes + region.touched <= this.#options.spareBytes;
    if (!fits || buffer.byteLength > REGION_BYTES) return letGo(region);
    this.#spare.push(region);
    this.#timer ??= setInterval(() => this.#shrink(), SHRINK_MS).unref();
  }

  #shrink(): void {
    void letGoInTurns(this.#spare.splice(0, this.#least));
    this.#least = this.#spare.length;
    if (this.#least > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

/** At once, not when the next collection finds it. */
function letGo({ buffer }: Region): void {
  buffer.transfer(0);
}

/** To take 30 MB of pages back costs the system some five milliseconds. */
async function letGoInTurns(regions: readonly Region[]): Promise<void> {
  for (const region of regions) {
    await nextTurn();
    letGo(region);
  }
}
