import type { GatewayError } from '../errors.ts';
import type { Answer, Drawn, Picture } from '../image/answer.ts';
import type { Model } from '../image/model.ts';
import type { Draw, ImageRequest } from '../image/request.ts';
import type { Json, JsonObject } from '../wire/json.ts';
import type { LongString } from '../wire/long-string.ts';

/** One wire language, as a value of pure functions. */
export interface Dialect {
  readonly name: DialectName;
  /** It answers with the vendor's own words, and so never with a rendition. */
  readonly native: boolean;
  /** The paths pictures are asked for on, by POST, the vendor's own first; `{model}:method` at the end may hold any model string. */
  readonly routes: readonly string[];
  /** Where the tasks are asked for that `Prefer: respond-async` makes of its requests, the vendor's base first; empty: it has none, and passes that over. */
  readonly tasks: readonly string[];
  /** Whether a call speaks this dialect, for paths that two vendors share and paths that nobody serves. */
  recognises(asked: Asked): boolean;
  /** Throws GatewayError naming the field, what is allowed and what to do. */
  parseRequest(body: JsonObject, call: Call): ImageRequest;
  /** `pictures[i]` is what is delivered for `drawn[i]`: the vendor's bytes, or a rendition of them. */
  /** `costNanos`: what the caller pays for all of it, in nano-dollars, pictures that failed beside these included. */
  renderAnswer(drawn: readonly Delivered[], request: ImageRequest, call: Call, costNanos: number): JsonObject;
  renderError(error: GatewayError, call: Call): { readonly status: number; readonly body: JsonObject };
  renderModels(models: readonly Model[], call: Call): JsonObject;
  renderModel(model: Model): JsonObject;
}

export type DialectName = 'openai-images' | 'gemini';

/** What can be told of a call before its body is read. */
export interface Asked {
  readonly path: string;
  /** Without the question mark; may hold a key. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The parts of an HTTP call a dialect may read. */
export interface Call {
  readonly requestId: string;
  /** Model string of the path, decoded; null where the path has none. */
  readonly pathModel: string | null;
  /** Unix milliseconds. */
  readonly receivedAt: number;
}

export interface Delivered {
  readonly drawn: Drawn;
  readonly picture: Picture;
  /** Where it can be had, for a caller who wants a link; absent: it is sent along. */
  readonly url?: string;
}

/** A dialect that upstreams speak too. */
export interface UpstreamDialect {
  renderRequest(draw: Draw, sizeNames?: SizeNames): JsonObject;
  /** Throws GatewayError when the words are no answer at all: `upstream_failed`, or what an error in a 200 says. */
  parseAnswer(words: JsonObject): Answer;
  /** `words`: the reply's body, null when it was no JSON. `retryAfter`: the reply's header of that name. */
  parseError(status: number, words: Json, retryAfter?: string | null): GatewayError;
  /** The answer with that picture labelled as what its bytes are. `data`: as in the answer's part. */
  relabel(answer: Answer, data: LongString | string, mimeType: string): Answer;
}

/** How an upstream spells a tier, where it is not as Google does: `{ "512": "0.5K" }`. */
export type SizeNames = Readonly<Record<string, string>>;
