import type { Price } from './price.ts';
import type { AspectRatio, Tier } from './size.ts';

/** A model is data: what it can do and who offers it. Another Gemini image model is configuration, not code. */
export interface Model {
  readonly id: string;
  /** Other names it answers to; a trailing `*` is a pattern: `gpt-image-*`. */
  readonly aliases: readonly string[];
  readonly displayName: string;
  readonly description: string;
  readonly ratios: readonly AspectRatio[];
  readonly tiers: readonly Tier[];
  readonly maxReferences: number;
  /** MIME types of parts it reads besides text. */
  readonly inputs: readonly string[];
  /** Output tokens of one picture, by tier. */
  readonly imageTokens: Readonly<Partial<Record<Tier, number>>>;
  /** Input tokens of one reference picture. */
  readonly referenceTokens: number;
  readonly inputTokenLimit: number;
  readonly outputTokenLimit: number;
  /** ISO date. */
  readonly released: string;
  /** ISO date after which the vendor no longer serves it; null while none is announced. */
  readonly retires: string | null;
  readonly targets: readonly Target[];
}

/** One offer of a model: whom to ask, under which name, for what price. Tried in order. */
export interface Target {
  readonly upstream: string;
  readonly model: string;
  readonly price: Price;
}
