import type { Json, JsonObject } from '../wire/json.ts';
import type { LongString } from '../wire/long-string.ts';
import type { PictureInfo } from './picture.ts';
import type { Signature } from './request.ts';

/** An upstream's reply to one Draw, read but not yet checked. */
export interface Answer {
  /** The upstream's own reply, long strings set aside: same-dialect callers get these words back. */
  readonly words: JsonObject;
  readonly verdict: Verdict;
  /** The vendor's own word for the verdict: a finishReason or a blockReason. */
  readonly reason: string | null;
  /** The vendor's sentence about it, or the text the model wrote instead of a picture. */
  readonly message: string | null;
  readonly parts: readonly AnswerPart[];
  readonly usage: Usage;
  readonly billed: Billed;
  readonly modelVersion: string | null;
  /** `groundingMetadata` as the vendor sent it: its terms require sources to be shown. */
  readonly grounding: Json;
}

/** What the vendor decided. `picture` means there is at least one part that is a picture and no thought. */
export type Verdict = 'picture' | 'blocked_prompt' | 'blocked_output' | 'no_image';

/**
 * What a vendor that charges by tokens puts on its bill for a reply: what `usage` counts, nothing, or what cannot be told
 * because the counts are missing or make no sense.
 */
export type Billed = 'usage' | 'nothing' | 'unknown';

export type AnswerPart =
  | { readonly kind: 'text'; readonly text: string; readonly thought: boolean; readonly signature: Signature | null }
  | {
      readonly kind: 'picture';
      readonly data: LongString | string;
      readonly thought: boolean;
      readonly signature: Signature | null;
    };

/** Tokens by modality. Thinking is output that is billed as text and shown to nobody. */
export interface Usage {
  readonly inputText: number;
  readonly inputImage: number;
  readonly outputText: number;
  readonly outputImage: number;
  readonly thinking: number;
  readonly total: number;
}

/** A checked picture: the one that answers the request. */
export interface Picture {
  /** base64, canonical alphabet, ready to be spliced. */
  readonly data: LongString;
  readonly info: PictureInfo;
}

/** What a vendor told of its thinking while it drew. */
export interface Thought {
  /** Its own words: a piece of its reply that holds nothing else. */
  readonly words: JsonObject;
  /** Set where it is a picture that is whole. */
  readonly draft: Picture | null;
}

/** One picture drawn, checked and paid for: what flights hand out and the cache keeps. */
export interface Drawn {
  readonly answer: Answer;
  readonly picture: Picture;
  /** The house's id of the model routed to, who drew it, and under which name. */
  readonly model: string;
  readonly upstream: string;
  readonly upstreamModel: string;
  /** Integer nano-dollars paid for it. */
  readonly costNanos: number;
  /** Unix milliseconds. */
  readonly drawnAt: number;
  readonly drawMs: number;
}
