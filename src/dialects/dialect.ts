import type { GatewayError } from '../errors.ts';
import type { Drawn } from '../image/answer.ts';
import type { Model } from '../image/model.ts';
import type { Draw, ImageRequest } from '../image/request.ts';
import type { Answer } from '../image/answer.ts';
import type { Picture } from '../image/answer.ts';
import type { JsonObject } from '../wire/json.ts';

/** One wire language, as a value of pure functions. */
export interface Dialect {
  readonly name: DialectName;
  /** The paths it is served on; `{model}` may hold a model string. */
  readonly routes: readonly string[];
  /** Throws GatewayError naming the field, what is allowed and what to do. */
  parseRequest(body: JsonObject, call: Call): ImageRequest;
  /** `pictures[i]` is what is delivered for `drawn[i]`: the vendor's bytes, or a rendition of them. */
  renderAnswer(drawn: readonly Delivered[], request: ImageRequest, call: Call): JsonObject;
  renderError(error: GatewayError, call: Call): { readonly status: number; readonly body: JsonObject };
  renderModels(models: readonly Model[], call: Call): JsonObject;
  renderModel(model: Model): JsonObject;
}

export type DialectName = 'openai-images' | 'gemini';

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
}

/** A dialect that upstreams speak too. */
export interface UpstreamDialect {
  renderRequest(draw: Draw): JsonObject;
  /** Throws GatewayError `upstream_failed` when the words are no reply at all. */
  parseAnswer(words: JsonObject): Answer;
  parseError(status: number, words: unknown): GatewayError;
}
