/** What is told on the way to an answer. Whoever comes late hears first what was told before. */
export class Feed<W> {
  #told: W[] = [];
  readonly #listeners = new Set<(word: W) => void>();
  #isOver = false;

  tell(word: W): void {
    if (this.#isOver) return;
    this.#told.push(word);
    for (const listener of this.#listeners) listener(word);
  }

  /** The function returned ends it. */
  follow(listener: (word: W) => void): () => void {
    for (const word of this.#told) listener(word);
    if (!this.#isOver) this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The answer says it all: nothing is told any more, and nothing kept. */
  end(): void {
    this.#isOver = true;
    this.#told = [];
    this.#listeners.clear();
  }
}
