import type { JsonObject } from '../wire/json.ts';
import type { LongString } from '../wire/long-string.ts';
import type { AspectRatio, Pixels, Quality, Tier } from './size.ts';

/**
 * What a caller asks for, in the words of the house. Every dialect parses into this and nothing else.
 * The shape follows Gemini's own request (https://ai.google.dev/api/generate-content), the richest of the dialects:
 * fields the house decides on have a name here, all others travel verbatim in a `more`.
 */
export interface ImageRequest {
  /** The model as asked for, before routing; null where the dialect lets it be absent. */
  readonly model: string | null;
  /** A second name, of a field that says who draws for the model above: it counts where nobody here has the first. Absent: there is none. */
  readonly drawnBy?: { readonly name: string; readonly path: string };
  readonly turns: readonly Turn[];
  readonly system: Turn | null;
  /**
   * How the caller spells a place in Gemini's request, `contents[0].parts[1]`, where a failure may be about it that shows
   * only later; absent: like that.
   */
  readonly places?: ReadonlyMap<string, string>;
  /** What may come back, sorted; the dialect fills in its default. */
  readonly modalities: readonly Modality[];
  readonly shape: AskedShape;
  /** int32. Its presence makes a request repeatable. */
  readonly seed: number | null;
  /** 0 to 2. Zero makes a request repeatable. */
  readonly temperature: number | null;
  /** `generationConfig.thinkingConfig`, canonical names. */
  readonly thinking: JsonObject | null;
  /** Tools in Gemini's canonical spelling, such as `{ googleSearch: {} }`. */
  readonly tools: readonly JsonObject[];
  /** `safetySettings`, canonical names. */
  readonly safety: readonly JsonObject[];
  /** Fields no part of the house decides on, by the place they stood in: they go upstream as they came. */
  readonly more: NativeFields;
  /** How many pictures, 1 to `MOST_PICTURES`. Each is a request of its own upstream. */
  readonly count: number;
  readonly delivery: Delivery;
  /** The caller's own name for its end user, for the ledger and the vendor's abuse desk. */
  readonly user: string | null;
}

/** As OpenAI has it. */
export const MOST_PICTURES = 10;

export interface NativeFields {
  readonly request: JsonObject;
  readonly generationConfig: JsonObject;
  readonly imageConfig: JsonObject;
}

export type Modality = 'IMAGE' | 'TEXT';

/** One message: Gemini's Content. */
export interface Turn {
  readonly role: 'user' | 'model';
  readonly parts: readonly Part[];
  readonly more: JsonObject;
}

export type Part = TextPart | PicturePart | OtherPart;

export interface TextPart {
  readonly kind: 'text';
  readonly text: string;
  readonly thought: boolean;
  readonly signature: Signature | null;
  readonly more: JsonObject;
}

/** Bytes inside the request: `inlineData`. */
export interface PicturePart {
  readonly kind: 'picture';
  /** base64 in either alphabet, with or without padding. A short one is an ordinary string. */
  readonly data: LongString | string;
  /** As claimed by the caller, lower case. */
  readonly mimeType: string;
  readonly thought: boolean;
  readonly signature: Signature | null;
  readonly more: JsonObject;
  /** The field it came in as the caller spelt it, for errors; absent: its place in Gemini's request. */
  readonly named?: string;
  /** The address its caller gave in its place; until the gateway has fetched it, `data` is empty. Absent: it was sent along. */
  readonly remote?: string;
}

/** A part the house does not read (fileData, functionCall, …), verbatim in canonical spelling. */
export interface OtherPart {
  readonly kind: 'other';
  readonly fields: JsonObject;
}

/** A thought signature: opaque, to be given back exactly. https://ai.google.dev/gemini-api/docs/thought-signatures */
export type Signature = LongString | string;

/** The size as asked for. Which ratio and tier it means depends on the model: see `resolveShape`. */
export interface AskedShape {
  readonly ratio: AspectRatio | null;
  readonly tier: Tier | null;
  readonly pixels: Pixels | null;
  readonly quality: Quality | null;
  /** The model keeps the shape of its input: pixels choose the tier alone. Absent: they choose the ratio too. */
  readonly keepsInput?: true;
  /** The fields' names as the caller spelt them, for errors: `size`, `generationConfig.imageConfig.imageSize`. */
  readonly named: { readonly ratio: string; readonly tier: string };
}

/** How the caller wants its answer handed over. Nothing here changes what is drawn. */
export interface Delivery {
  /** A format asked for by name; null means the bytes as the vendor sent them. */
  readonly format: PictureFormat | null;
  /** 0 to 100, for jpeg and webp. */
  readonly compression: number | null;
  /** The very pixels it is cropped and scaled to; null: as it was drawn. */
  readonly exact: Pixels | null;
  /** What was drawn is laid into that picture, where the mask is transparent; null: it stands alone. */
  readonly masked: Masked | null;
  readonly link: LinkWish;
  /** Told bit by bit, with so many drafts at most and, where the dialect leaves that open, with what was used; null: in one piece. */
  readonly stream: { readonly drafts: number; readonly tellsUsage?: boolean } | null;
  /** Pictures stand in the text, as Markdown, for who reads nothing else; absent: beside it. */
  readonly inText?: boolean;
  /** The model's thoughts are told, which may come for its drafts alone; absent: where there are any. */
  readonly thoughts?: boolean;
  /** What an answer says again of its request, in the words of the dialect; absent: nothing. */
  readonly echo?: JsonObject;
  /** Told back to OpenAI callers who sent one. */
  readonly safetyIdentifier: string | null;
  /** One sentence for each thing that could not be honoured: `x-plantain-warning`. */
  readonly warnings: readonly string[];
}

/**
 * Links to the pictures instead of their bytes: `asked` is refused where there can be none, `by_default`, which no word of
 * the request asks for, is answered with the bytes.
 */
export type LinkWish = 'no' | 'by_default' | 'asked';

/** A picture of the request and the mask that came with it. */
export interface Masked {
  readonly picture: PicturePart;
  readonly mask: PicturePart;
}

/** Whole, as the vendor sent it. */
export const WHOLE: Delivery = {
  format: null,
  compression: null,
  exact: null,
  masked: null,
  link: 'no',
  stream: null,
  safetyIdentifier: null,
  warnings: [],
};

export type PictureFormat = 'png' | 'jpeg' | 'webp';

/**
 * One picture to be drawn: a request after routing, with its size resolved for the model. This is what the cache key
 * is made of, what a flight draws and what an upstream is sent.
 */
export interface Draw {
  /** The house's own id of the model, after aliases. */
  readonly model: string;
  readonly turns: readonly Turn[];
  readonly system: Turn | null;
  readonly modalities: readonly Modality[];
  readonly ratio: AspectRatio | null;
  readonly tier: Tier | null;
  readonly seed: number | null;
  readonly temperature: number | null;
  readonly thinking: JsonObject | null;
  readonly tools: readonly JsonObject[];
  readonly safety: readonly JsonObject[];
  readonly more: NativeFields;
  /** Which of the `n` pictures of its request this is, from 0. It has a place in the key only without a seed. */
  readonly variant: number;
}

/** The pictures a request stands for: `n` pictures are `n` requests of one, seeds counted up from the one given. */
export function drawsOf(
  request: ImageRequest,
  model: string,
  shape: { readonly ratio: AspectRatio | null; readonly tier: Tier | null },
): readonly Draw[] {
  const { turns, system, modalities, seed, temperature, thinking, tools, safety, more } = request;
  return Array.from({ length: request.count }, (_, variant) => ({
    model,
    turns,
    system,
    modalities,
    ...shape,
    seed: seed === null ? null : seed + variant,
    temperature,
    thinking,
    tools,
    safety,
    more,
    variant,
  }));
}
