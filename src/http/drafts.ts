import type { Events, StreamEvent } from '../dialects/dialect.ts';
import type { GatewayParts, Served } from '../gateway.ts';
import type { Planned } from '../gateway/plan.ts';
import type { Picture, Thought } from '../image/answer.ts';
import { checkedPicture } from '../image/checked.ts';
import type { LongString } from '../wire/long-string.ts';
import type { Caller } from '../tenants/authenticate.ts';

/** What a caller hears of its pictures while they are drawn, or, of those that were drawn long ago, before it has them. */
export class Drafts {
  readonly #parts: GatewayParts;
  readonly #planned: Planned;
  readonly #scope: string;
  readonly #events: Events;
  readonly #tell: (make: () => readonly StreamEvent[]) => void;
  /** By the place of the picture: how many drafts of it were told. */
  readonly #counts = new Map<number, number>();
  #said: Promise<void> = Promise.resolve();

  constructor(
    parts: GatewayParts,
    planned: Planned,
    { tenant }: Caller,
    events: Events,
    /** Events may count themselves: they are made when those before them have been told. */
    tell: (make: () => readonly StreamEvent[]) => void,
  ) {
    this.#parts = parts;
    this.#planned = planned;
    this.#scope = tenant.cache.scope;
    this.#events = events;
    this.#tell = tell;
  }

  readonly hear = (place: number, thought: Thought): void => {
    this.#said = this.#say(this.#said, place, thought);
  };

  /** One after the other: a draft may have to be made into another format first. */
  async #say(before: Promise<void>, place: number, { words, draft }: Thought): Promise<void> {
    await before;
    try {
      if (this.#events.thought !== undefined) this.#tell(() => this.#events.thought?.(words) ?? []);
      else if (draft !== null) {
        const shown = await this.#show(place, draft);
        if (shown !== null) this.#tell(() => this.#events.draft(shown));
      }
    } catch (error) {
      // The picture itself may come all the same.
      this.#parts.log.fault('stream: a draft could not be told', error);
    }
  }

  /** Resolves when all that was heard has been told. */
  told(): Promise<void> {
    return this.#said;
  }

  /** The drafts of an answer that nobody told while it was drawn. */
  async untold({ pictures }: Served): Promise<readonly Picture[]> {
    const drafts: Picture[] = [];
    if (this.#events.thought !== undefined || this.#most === 0) return drafts;
    for (const { drawn, place } of pictures) {
      if (this.#counts.has(place)) continue;
      for (const part of drawn.answer.parts) {
        if (part.kind !== 'picture' || !part.thought) continue;
        const shown = await this.#showOf(place, part.data);
        if (shown !== null) drafts.push(shown);
      }
    }
    return drafts;
  }

  async #showOf(place: number, data: LongString | string): Promise<Picture | null> {
    try {
      const draft = await checkedPicture(data, this.#parts.regions);
      return draft === null ? null : await this.#show(place, draft);
    } catch (error) {
      this.#parts.log.fault('stream: a draft could not be told', error);
      return null;
    }
  }

  get #most(): number {
    return this.#planned.request.delivery.stream?.drafts ?? 0;
  }

  /** As it is told; null: there have been enough of them. */
  async #show(place: number, draft: Picture): Promise<Picture | null> {
    const count = this.#counts.get(place) ?? 0;
    if (count >= this.#most) return null;
    this.#counts.set(place, count + 1);
    const { format, model, request } = this.#planned;
    const { compression } = request.delivery;
    // Of a draft nothing is kept but what the vendor sent.
    const wish = { format, compression, scope: this.#scope, ttlSeconds: 0 };
    return this.#parts.renditions.of({ picture: draft, model: model.id }, wish);
  }
}
