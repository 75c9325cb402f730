import type { ThoughtPiece, UpstreamDialect } from '../dialects/dialect.ts';
import type { Thought } from '../image/answer.ts';
import { checkedPicture } from '../image/checked.ts';
import type { Json } from '../wire/json.ts';
import type { Regions } from '../wire/regions.ts';

/** Hands on what an upstream tells of its thinking, in its order, with its drafts checked. */
export class Thoughts {
  readonly #dialect: Pick<UpstreamDialect, 'thoughtsOf'>;
  readonly #regions: Regions;
  readonly #tell: (thought: Thought) => void;
  #told: Promise<void> = Promise.resolve();

  constructor(dialect: Pick<UpstreamDialect, 'thoughtsOf'>, regions: Regions, tell: (thought: Thought) => void) {
    this.#dialect = dialect;
    this.#regions = regions;
    this.#tell = tell;
  }

  /** One piece of the reply. */
  readonly hear = (piece: Json): void => {
    for (const thought of this.#dialect.thoughtsOf(piece)) {
      this.#told = this.#say(this.#told, thought);
      // Whoever waits for all of it hears of a fault.
      this.#told.catch(() => undefined);
    }
  };

  async #say(before: Promise<void>, { words, data }: ThoughtPiece): Promise<void> {
    await before;
    this.#tell({ words, draft: data === null ? null : await checkedPicture(data, this.#regions) });
  }

  /** Resolves when all that was heard has been told. */
  async all(): Promise<void> {
    await this.#told;
  }
}
