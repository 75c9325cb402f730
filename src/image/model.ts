import { nearest } from './nearest.ts';
import { GOOGLE_SEARCH_USD } from './price.ts';
import type { Price } from './price.ts';
import { ASPECT_RATIOS, TIERS } from './size.ts';
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
  /** Levels of thinking its vendor documents; absent: none. Told, not enforced. */
  readonly thinkingLevels?: readonly string[];
  /** What its search tool finds; absent: it has none. Told, not enforced. */
  readonly grounding?: readonly Grounding[];
  /** Names among the aliases that the vendor has given up, or will. */
  readonly retired?: readonly RetiredName[];
  /** How its pictures are kept, where that differs from the rest. */
  readonly cache?: {
    readonly when?: 'repeatable' | 'always' | 'never';
    readonly ttlSeconds?: number;
    readonly onDisconnect?: 'finish' | 'cancel';
  };
  readonly targets: readonly Target[];
  /** Who is asked where all targets are down for nothing; absent: nobody. */
  readonly fallback?: Fallback;
}

/** Another model that may answer in the place of one that nobody can draw. */
export interface Fallback {
  /** Its id. */
  readonly model: string;
  /** US dollars: the most that one picture of it may cost, at worst. */
  readonly maxPriceUsd: number;
}

export const GROUNDINGS = ['web', 'image'] as const;
export type Grounding = (typeof GROUNDINGS)[number];

/** ISO dates. https://ai.google.dev/gemini-api/docs/deprecations */
export interface RetiredName {
  readonly name: string;
  /** Since when another name is to be used instead. */
  readonly deprecated: string;
  /** From when on the vendor itself does not know it; null: not announced. It is answered here all the same. */
  readonly ends: string | null;
}

/** One offer of a model: whom to ask, under which name, for what price. Tried in order. */
export interface Target {
  readonly upstream: string;
  readonly model: string;
  readonly price: Price;
}

/** What a name may be once `models/` or `google/` is off: nothing that could climb out of a URL's path. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** The model of that name: an exact id, else an exact alias, else the longest pattern that fits. Case does not matter. */
export function findModel(models: readonly Model[], asked: string): Model | null {
  const name = bareName(asked);
  if (!NAME.test(name)) return null;
  const exact = models.find(({ id }) => id === name) ?? models.find(({ aliases }) => aliases.includes(name));
  if (exact !== undefined) return exact;
  const fitting = models
    .flatMap((model) => model.aliases.filter(isPattern).map((pattern) => ({ model, start: pattern.slice(0, -1) })))
    .filter(({ start }) => name.startsWith(start));
  return fitting.sort((a, b) => b.start.length - a.start.length)[0]?.model ?? null;
}

/** Up to `max` names the caller may have meant, for an error's text. */
export function nearestNames(models: readonly Model[], asked: string, max = 3): string[] {
  const names = models.flatMap(({ id, aliases }) => [id, ...aliases.filter((alias) => !isPattern(alias))]);
  return nearest(names, bareName(asked), max);
}

/** A name without the prefix some SDKs put before it, in lower case. */
export function bareName(asked: string): string {
  return asked.toLowerCase().replace(/^(?:models|google)\//, '');
}

function isPattern(alias: string): boolean {
  return alias.endsWith('*');
}

const PICTURES_AND_PDF = ['image/png', 'image/jpeg', 'image/webp', 'image/heic', 'image/heif', 'application/pdf'];

/** Only Flash draws the very long ones. */
const COMMON_RATIOS = ASPECT_RATIOS.filter((ratio) => !['1:4', '4:1', '1:8', '8:1'].includes(ratio));

/**
 * Recorded replies spend up to 660 tokens on text and 529 on thinking, and draw one picture: two and a half times that
 * much, so that one dear call is covered and twenty usual ones get all but one's share of a budget. A prompt with a
 * search tool makes one query or a few.
 */
export const USUAL_CEILING = { thinkingTokens: 2048, textTokens: 1024, pictures: 1, searches: 5 };

/** When both left preview, and when Google's changelog says their preview names ended. */
const PREVIEWS = { deprecated: '2026-05-28', ends: '2026-06-25' };

/**
 * The models known without configuration. Abilities: https://ai.google.dev/gemini-api/docs/image-generation.
 * Google's prices: https://ai.google.dev/gemini-api/docs/pricing as of 2026-09-05. The reseller documents a
 * price for Flash only; whoever buys Pro there says in the configuration what it costs.
 */
export const BUILT_IN_MODELS: readonly Model[] = [
  {
    id: 'gemini-3.1-flash-image',
    aliases: [
      'gemini-3.1-flash-image-preview',
      'nano-banana-2',
      // So that a script written for OpenAI's own models works as it is.
      'gpt-image-*',
      'dall-e-*',
      'chatgpt-image-latest',
    ],
    displayName: 'Nano Banana 2',
    description: 'Fast pictures from text and up to 14 references, in 14 ratios from 512 to 4K.',
    ratios: ASPECT_RATIOS,
    tiers: TIERS,
    maxReferences: 14,
    inputs: PICTURES_AND_PDF,
    imageTokens: { '512': 747, '1K': 1120, '2K': 1680, '4K': 2520 },
    referenceTokens: 1120,
    inputTokenLimit: 131_072,
    outputTokenLimit: 32_768,
    released: '2026-05-28',
    retires: null,
    thinkingLevels: ['minimal', 'high'],
    grounding: GROUNDINGS,
    retired: [{ name: 'gemini-3.1-flash-image-preview', ...PREVIEWS }],
    targets: [
      { upstream: 'wisdom-gate', model: 'gemini-3.1-flash-image-preview', price: { perImageUsd: 0.058 } },
      {
        upstream: 'google',
        model: 'gemini-3.1-flash-image',
        price: {
          perMillionTokensUsd: { input: 0.5, text: 3, image: 60 },
          perSearchUsd: GOOGLE_SEARCH_USD,
          ceiling: USUAL_CEILING,
        },
      },
    ],
  },
  {
    id: 'gemini-3-pro-image',
    aliases: ['gemini-3-pro-image-preview', 'nano-banana-pro'],
    displayName: 'Nano Banana Pro',
    description: 'The careful one: text inside pictures, many references and people, in 10 ratios from 1K to 4K.',
    ratios: COMMON_RATIOS,
    tiers: ['1K', '2K', '4K'],
    maxReferences: 14,
    inputs: PICTURES_AND_PDF,
    imageTokens: { '1K': 1120, '2K': 1120, '4K': 2000 },
    referenceTokens: 560,
    inputTokenLimit: 65_536,
    outputTokenLimit: 32_768,
    released: '2026-05-28',
    retires: null,
    grounding: ['web'],
    retired: [{ name: 'gemini-3-pro-image-preview', ...PREVIEWS }],
    targets: [
      {
        upstream: 'google',
        model: 'gemini-3-pro-image',
        price: {
          perMillionTokensUsd: { input: 2, text: 12, image: 120 },
          perSearchUsd: GOOGLE_SEARCH_USD,
          ceiling: USUAL_CEILING,
        },
      },
    ],
  },
];
