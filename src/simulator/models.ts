import { ASPECT_RATIOS, TIERS } from '../image/size.ts';
import type { AspectRatio, Tier } from '../image/size.ts';

/** A model as the vendor serves it: https://ai.google.dev/gemini-api/docs/image-generation */
export interface ServedModel {
  /** The current name. */
  readonly id: string;
  /** Other names it answers to. */
  readonly aliases: readonly string[];
  readonly displayName: string;
  readonly ratios: readonly AspectRatio[];
  readonly tiers: readonly Tier[];
  readonly thinks: boolean;
  /** The thinking levels it takes; none means that sending one is an error. */
  readonly thinkingLevels: readonly string[];
  readonly imageSearch: boolean;
  readonly maxPictures: number;
  readonly inputTokenLimit: number;
  readonly outputTokenLimit: number;
  readonly topK: number | null;
  /** Output tokens of one picture, by tier. */
  readonly pictureTokens: Readonly<Partial<Record<Tier, number>>>;
  /** Input tokens of one picture sent along. */
  readonly inputPictureTokens: number;
  /** Nano-dollars for one token: 1 nano-dollar a token is $0.001 a million. */
  readonly nanosPerToken: { readonly input: number; readonly text: number; readonly image: number };
}

const TEN_RATIOS = ASPECT_RATIOS.filter((ratio) => !['1:4', '4:1', '1:8', '8:1'].includes(ratio));

export const SERVED_MODELS: readonly ServedModel[] = [
  {
    id: 'gemini-3.1-flash-image',
    aliases: ['gemini-3.1-flash-image-preview'],
    displayName: 'Nano Banana 2',
    ratios: ASPECT_RATIOS,
    tiers: TIERS,
    thinks: true,
    thinkingLevels: ['MINIMAL', 'HIGH'],
    imageSearch: true,
    maxPictures: 14,
    inputTokenLimit: 131_072,
    outputTokenLimit: 32_768,
    topK: null,
    pictureTokens: { '512': 747, '1K': 1120, '2K': 1680, '4K': 2520 },
    inputPictureTokens: 1120,
    nanosPerToken: { input: 500, text: 3000, image: 60_000 },
  },
  {
    id: 'gemini-3-pro-image',
    aliases: ['gemini-3-pro-image-preview'],
    displayName: 'Nano Banana Pro',
    ratios: TEN_RATIOS,
    tiers: ['1K', '2K', '4K'],
    thinks: true,
    thinkingLevels: [],
    imageSearch: false,
    maxPictures: 14,
    inputTokenLimit: 65_536,
    outputTokenLimit: 32_768,
    topK: 64,
    pictureTokens: { '1K': 1120, '2K': 1120, '4K': 2000 },
    inputPictureTokens: 560,
    nanosPerToken: { input: 2000, text: 12_000, image: 120_000 },
  },
  {
    id: 'gemini-2.5-flash-image',
    aliases: ['gemini-2.5-flash-image-preview'],
    displayName: 'Nano Banana',
    ratios: TEN_RATIOS,
    tiers: ['1K'],
    thinks: false,
    thinkingLevels: [],
    imageSearch: false,
    maxPictures: 14,
    inputTokenLimit: 32_768,
    outputTokenLimit: 32_768,
    topK: 64,
    pictureTokens: { '1K': 1290 },
    inputPictureTokens: 258,
    nanosPerToken: { input: 300, text: 2500, image: 30_000 },
  },
  {
    id: 'gemini-3.1-flash-lite-image',
    aliases: [],
    displayName: 'Nano Banana 2 Lite',
    ratios: ASPECT_RATIOS,
    tiers: ['1K'],
    thinks: true,
    thinkingLevels: ['MINIMAL', 'HIGH'],
    imageSearch: false,
    maxPictures: 14,
    inputTokenLimit: 65_536,
    outputTokenLimit: 32_768,
    topK: null,
    pictureTokens: { '1K': 1120 },
    inputPictureTokens: 1120,
    nanosPerToken: { input: 250, text: 1500, image: 30_000 },
  },
];

const byName = new Map(SERVED_MODELS.flatMap((model) => [model.id, ...model.aliases].map((name) => [name, model])));

export function findModel(name: string): ServedModel | undefined {
  return byName.get(name);
}

/** `models.get`: https://ai.google.dev/api/models */
export function renderModel(name: string, model: ServedModel): Record<string, unknown> {
  return {
    name: `models/${name}`,
    version: '001',
    displayName: model.displayName,
    description: `${model.displayName}, drawn by the simulator: no picture is real and nothing is paid.`,
    inputTokenLimit: model.inputTokenLimit,
    outputTokenLimit: model.outputTokenLimit,
    supportedGenerationMethods: ['generateContent', 'countTokens'],
    temperature: 1,
    topP: 0.95,
    ...(model.topK === null ? {} : { topK: model.topK }),
    maxTemperature: 2,
    thinking: model.thinks,
  };
}

/** `models.list`, with the vendor's paging: `pageSize` 50 unless told, at most 1000; the token is an offset. */
export function renderModels(query: URLSearchParams): Record<string, unknown> {
  const names = [...byName];
  const asked = Number(query.get('pageSize') ?? query.get('page_size') ?? 50);
  const size = Number.isInteger(asked) && asked > 0 ? Math.min(asked, 1000) : 50;
  const start = Number(query.get('pageToken') ?? query.get('page_token') ?? 0) || 0;
  const end = start + size;
  return {
    models: names.slice(start, end).map(([name, model]) => renderModel(name, model)),
    ...(end < names.length ? { nextPageToken: String(end) } : {}),
  };
}
