import type { Tier } from './size.ts';

/** What a target charges, in US dollars, as configured. */
export type Price =
  | { readonly perImageUsd: number | Readonly<Partial<Record<Tier, number>>> }
  | {
      readonly perMillionTokensUsd: { readonly input: number; readonly text: number; readonly image: number };
      readonly ceiling: { readonly thinkingTokens: number; readonly textTokens: number; readonly pictures: number };
    };
