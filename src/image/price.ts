import type { Usage } from './answer.ts';
import type { Model } from './model.ts';
import { DEFAULT_TIER } from './size.ts';
import type { Tier } from './size.ts';

/** What a target charges, in US dollars, as configured. There is no unknown price: configuration refuses a target without one. */
export type Price =
  /** For a call that delivers a picture, extra pictures included. */
  | { readonly perImageUsd: number | Readonly<Partial<Record<Tier, number>>> }
  | {
      /** `text` is the price of thinking too. */
      readonly perMillionTokensUsd: { readonly input: number; readonly text: number; readonly image: number };
      /** For each query the model sends to a search engine; nothing is taken to be free. Absent: Google's own price. */
      readonly perSearchUsd?: number | undefined;
      readonly ceiling: Ceiling;
    };

/** The most one call is believed to spend on what its request does not fix. What exceeds it is settled truly. */
export interface Ceiling {
  readonly thinkingTokens: number;
  readonly textTokens: number;
  readonly pictures: number;
  /** Queries of one call that may search. */
  readonly searches: number;
}

/** What a price before the fact depends on. */
export interface DrawFacts {
  /** Null: the vendor's default. */
  readonly tier: Tier | null;
  /** UTF-8 bytes of all text that goes up. */
  readonly promptBytes: number;
  /** Pictures that go up. */
  readonly references: number;
  /** The vendor reads more than is sent: documents, its own files, what its tools look up. */
  readonly openEnded: boolean;
  /** A tool is at hand that may send queries to a search engine. */
  readonly maySearch: boolean;
  /** Tokens of thinking that the request itself allows; 0: it leaves that to the vendor. */
  readonly thinkingBudget: number;
}

/** What a true cost depends on. */
export interface AnswerFacts {
  /** Token counts are whole and not negative. */
  readonly usage: Usage;
  /** The tier asked for; null: the vendor's default. */
  readonly tier: Tier | null;
  /** Pictures delivered. Drafts (`thought: true`) are billed as thinking and do not count. */
  readonly pictures: number;
  /** Queries it sent to search engines. */
  readonly searches: number;
}

/** $14 for 1,000 queries: https://ai.google.dev/gemini-api/docs/pricing as of 2026-09-05. */
export const GOOGLE_SEARCH_USD = 0.014;

/** Tokens of a request that are no text of the caller's: turn markers, roles, the vendor's own preamble. */
const FRAME_TOKENS = 256;

/** Thinking and text of a usual reply: recorded ones come to 270, 337 and 1,189. */
const USUAL_WORDS = 600;
/** Of English prose, and of most other. */
const BYTES_PER_TOKEN = 4;

const NANOS_PER_USD = 1e9;

/** Prices per token are kept in pico-dollars, so that $0.0375 a million tokens is still a whole number. */
const PICOS_PER_NANO = 1000;
const PICOS_PER_TOKEN = 1e6;

/**
 * Nano-dollars one call can cost at most, rounded up. A true upper bound as long as the vendor keeps below the target's
 * ceiling: a tokenizer that falls back to bytes never makes more tokens of a text than it has bytes of UTF-8.
 */
export function worstCaseNanos(price: Price, model: Model, facts: DrawFacts): number {
  const { tier, promptBytes, references, openEnded, maySearch, thinkingBudget } = facts;
  if ('perImageUsd' in price) return pictureNanos(price.perImageUsd, tier);
  const { thinkingTokens, textTokens, pictures, searches } = price.ceiling;
  const tokens = tokenNanos(price.perMillionTokensUsd, {
    input: (openEnded ? model.inputTokenLimit : 0) + promptBytes + FRAME_TOKENS + references * model.referenceTokens,
    text: Math.max(thinkingTokens, Math.min(thinkingBudget, model.outputTokenLimit)) + textTokens,
    image: pictures * pictureTokens(model, tier),
  });
  return tokens + searchNanos(price, maySearch ? searches : 0);
}

/** Nano-dollars one call usually costs: an estimate, never more than its worst case. */
export function expectedNanos(price: Price, model: Model, facts: DrawFacts): number {
  const { tier, promptBytes, references, maySearch } = facts;
  if ('perImageUsd' in price) return pictureNanos(price.perImageUsd, tier);
  const { thinkingTokens, textTokens, searches } = price.ceiling;
  const tokens = tokenNanos(price.perMillionTokensUsd, {
    input: Math.ceil(promptBytes / BYTES_PER_TOKEN) + references * model.referenceTokens,
    text: Math.min(USUAL_WORDS, thinkingTokens + textTokens),
    image: pictureTokens(model, tier),
  });
  return tokens + searchNanos(price, maySearch ? Math.min(1, searches) : 0);
}

/** Nano-dollars a reply did cost, by modality. https://ai.google.dev/gemini-api/docs/pricing */
export function costNanos(price: Price, model: Model, { usage, tier, pictures, searches }: AnswerFacts): number {
  if ('perImageUsd' in price) return pictures > 0 ? pictureNanos(price.perImageUsd, tier) : 0;
  let text = usage.outputText;
  let image = usage.outputImage;
  if (image === 0 && pictures > 0) {
    // A reply that does not tell its modalities apart: the table says what the pictures are, and what is left is text.
    image = pictures * pictureTokens(model, tier);
    if (text >= image) text -= image;
  }
  const tokens = tokenNanos(price.perMillionTokensUsd, {
    input: usage.inputText + usage.inputImage,
    text: text + usage.thinking,
    image,
  });
  return tokens + searchNanos(price, searches);
}

/** Rounded to the nearest nano-dollar. */
export function usdToNanos(usd: number): number {
  return Math.round(usd * NANOS_PER_USD);
}

/** The number nearest to it, which JSON writes with no more digits than it has. */
export function nanosToUsd(nanos: number): number {
  return nanos / NANOS_PER_USD;
}

/** Every digit that counts and no other: `0.0672`, `12`, `0`. */
export function formatUsd(nanos: number): string {
  const digits = String(Math.abs(nanos)).padStart(10, '0');
  const fraction = digits.slice(-9).replace(/0+$/, '');
  return `${nanos < 0 ? '-' : ''}${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}`;
}

type ByModality = Readonly<Record<'input' | 'text' | 'image', number>>;

function tokenNanos(perMillionUsd: ByModality, tokens: ByModality): number {
  const picos = (kind: keyof ByModality): number => Math.round(perMillionUsd[kind] * PICOS_PER_TOKEN) * tokens[kind];
  return Math.ceil((picos('input') + picos('text') + picos('image')) / PICOS_PER_NANO);
}

function searchNanos(
  { perSearchUsd = GOOGLE_SEARCH_USD }: { readonly perSearchUsd?: number | undefined },
  count: number,
) {
  return count * usdToNanos(perSearchUsd);
}

function pictureNanos(perImageUsd: number | Readonly<Partial<Record<Tier, number>>>, tier: Tier | null): number {
  return usdToNanos(typeof perImageUsd === 'number' ? perImageUsd : ofTier(perImageUsd, tier));
}

function pictureTokens(model: Model, tier: Tier | null): number {
  return ofTier(model.imageTokens, tier);
}

/** A table may leave a tier out; then its dearest entry is the safe one. */
function ofTier(table: Readonly<Partial<Record<Tier, number>>>, tier: Tier | null): number {
  return table[tier ?? DEFAULT_TIER] ?? Math.max(...Object.values(table));
}
