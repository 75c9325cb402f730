const BATCH = 64;
const TINY = 512;

/**
 * Views in a row, kept as they are. Only tiny ones are joined into larger buffers: whoever sends a body in chunks of a few
 * bytes must not cost us a hundred bytes of heap for each.
 */
export class ByteViews {
  byteLength = 0;
  #settled: Uint8Array[] = [];
  #recent: Uint8Array[] = [];
  #recentBytes = 0;

  push(view: Uint8Array): void {
    if (view.length === 0) return;
    this.byteLength += view.length;
    this.#recentBytes += view.length;
    if (this.#recent.push(view) === BATCH) this.#settle();
  }

  /** Hands the views over and begins anew. */
  take(): readonly Uint8Array[] {
    const views = [...this.#settled, ...this.#recent];
    this.byteLength = 0;
    this.#settled = [];
    this.#recent = [];
    this.#recentBytes = 0;
    return views;
  }

  #settle(): void {
    if (this.#recentBytes < BATCH * TINY) this.#settled.push(Buffer.concat(this.#recent));
    else this.#settled.push(...this.#recent);
    this.#recent = [];
    this.#recentBytes = 0;
  }
}
