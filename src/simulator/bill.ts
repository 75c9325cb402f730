import type { AspectRatio, Tier } from '../image/size.ts';
import type { ServedModel } from './models.ts';
import type { Tokens } from './reply.ts';

/**
 * What the vendor would put on its bill: the independent witness of the money, so it shares no code with the gateway's.
 * Prices are those of https://ai.google.dev/gemini-api/docs/pricing (standard tier); thinking costs what text costs.
 */
export interface Bill {
  /** The newest 100,000; the totals count all. */
  readonly entries: readonly BillEntry[];
  readonly totalNanoUsd: number;
  /** Pictures delivered, drafts apart. */
  readonly totalPictures: number;
}

export interface BillEntry {
  /** Which call, as numbered in the log of calls. */
  readonly call: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly model: string;
  readonly seed: number | null;
  readonly size: { readonly ratio: AspectRatio; readonly tier: Tier };
  readonly pictures: number;
  readonly tokens: Tokens;
  readonly searches: number;
  readonly nanoUsd: number;
  /** The finishReason or blockReason. Blocked replies are listed and cost nothing. */
  readonly reason: string;
}

/** `google`: by tokens. `reseller`: a flat price for each call that delivers a picture, however many and how large. */
export type Pricing = 'google' | 'reseller';

export type Charge = Omit<BillEntry, 'nanoUsd' | 'model'> & {
  readonly model: ServedModel;
  readonly charged: boolean;
  readonly pricing: Pricing;
};

export interface BillBook extends Bill {
  charge(charge: Charge): BillEntry;
}

const KEPT_ENTRIES = 100_000;
const RESELLER_NANOS = 58_000_000;
const SEARCH_NANOS = 14_000_000;

/** `freeSearches`: queries that a month has free; may be changed at any time. */
export function openBill(settings: { readonly freeSearches: number }): BillBook {
  const entries: BillEntry[] = [];
  const searchesInMonth = new Map<string, number>();
  let totalNanoUsd = 0;
  let totalPictures = 0;

  function priceOf({ model, tokens, pictures, charged, pricing }: Charge, paidSearches: number): number {
    if (!charged) return 0;
    if (pricing === 'reseller') return pictures > 0 ? RESELLER_NANOS : 0;
    const rate = model.nanosPerToken;
    const input = tokens.input.text + tokens.input.image + tokens.input.document;
    const words = tokens.text + tokens.thinking;
    return input * rate.input + words * rate.text + tokens.image * rate.image + paidSearches * SEARCH_NANOS;
  }

  /** How many of these searches are beyond what a month has free. */
  function countPaidSearches(at: number, searches: number): number {
    if (searches === 0) return 0;
    const month = new Date(at).toISOString().slice(0, 7);
    const before = searchesInMonth.get(month) ?? 0;
    searchesInMonth.set(month, before + searches);
    const paid = (count: number): number => Math.max(0, count - settings.freeSearches);
    return paid(before + searches) - paid(before);
  }

  return {
    entries,
    get totalNanoUsd() {
      return totalNanoUsd;
    },
    get totalPictures() {
      return totalPictures;
    },
    charge(charge) {
      const paidSearches = charge.charged ? countPaidSearches(charge.at, charge.searches) : 0;
      const { charged: _charged, pricing: _pricing, model, ...rest } = charge;
      const entry: BillEntry = { ...rest, model: model.id, nanoUsd: priceOf(charge, paidSearches) };
      totalNanoUsd += entry.nanoUsd;
      totalPictures += entry.pictures;
      entries.push(entry);
      if (entries.length > KEPT_ENTRIES) entries.splice(0, KEPT_ENTRIES / 10);
      return entry;
    },
  };
}
