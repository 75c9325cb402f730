import type { StreamEvent } from '../dialects/dialect.ts';
import type { Framing } from '../wire/framing.ts';

/** The events of one answer on their way to a reader, at the reader's pace. */
export class Outbox {
  readonly #framing: Framing;
  readonly #waiting: (readonly Uint8Array[])[] = [];
  #written = 0;
  #endedAt = Infinity;
  #wake: () => void = () => undefined;

  constructor(framing: Framing) {
    this.#framing = framing;
  }

  /** When its end was known, by the clock of `performance.now()`; Infinity before. */
  get endedAt(): number {
    return this.#endedAt;
  }

  push(events: readonly StreamEvent[]): void {
    for (const event of events) {
      this.#waiting.push(this.#framing.write(event, this.#written).chunks);
      this.#written += 1;
    }
    this.#wake();
  }

  end(): void {
    this.#endedAt = Math.min(this.#endedAt, performance.now());
    this.#wake();
  }

  /** To be read once. After each `silenceMs` without an event the silence is filled. */
  async *pieces(silenceMs: number): AsyncGenerator<readonly Uint8Array[]> {
    const { opening, silence, closing } = this.#framing;
    // A header alone is kept back by many a proxy.
    const isSilent = this.#waiting.length === 0 && this.#endedAt === Infinity;
    if (opening !== '' || isSilent) yield [Buffer.from(opening + (isSilent ? silence : ''))];
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else if (this.#endedAt !== Infinity) break;
      else if (!(await this.#hears(silenceMs))) yield [Buffer.from(silence)];
    }
    if (closing !== '') yield [Buffer.from(closing)];
  }

  /** Whether something comes in that time. */
  async #hears(withinMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), withinMs);
    this.#wake = () => resolve(true);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
