import type { GatewayError } from '../errors.ts';
import type { Answer, Drawn, Picture } from '../image/answer.ts';
import type { Model } from '../image/model.ts';
import type { DescribedFile, UploadedFile } from '../image/file.ts';
import type { Draw, ImageRequest } from '../image/request.ts';
import type { FramingName } from '../wire/framing.ts';
import type { FormPart } from '../wire/form.ts';
import type { EstimatedTokens } from '../image/tokens.ts';
import type { Json, JsonObject } from '../wire/json.ts';
import type { LongString } from '../wire/long-string.ts';

/** One wire language, as a value of pure functions. */
export interface Dialect {
  readonly name: DialectName;
  /** It answers with the vendor's own words, and so never with a rendition. */
  readonly native: boolean;
  /** Whether an answer may be the bytes of one picture and nothing else (`Accept: image/*`); absent: what surrounds it is part of it. */
  readonly bare?: boolean;
  /** Where pictures are asked for, or tokens counted, by POST. */
  readonly routes: readonly Route[];
  /** Where the tasks are asked for that `Prefer: respond-async` makes of its requests, the vendor's base first; empty: it has none, and passes that over. */
  readonly tasks: readonly string[];
  /** The header its SDKs read the id of a request from, where that is not `x-request-id`. */
  readonly requestIdHeader?: string;
  /** Whether a call speaks this dialect, for paths that two vendors share and paths that nobody serves. */
  recognises(asked: Asked): boolean;
  /** `pictures[i]` is what is delivered for `drawn[i]`: the vendor's bytes, or a rendition of them. */
  /** `costNanos`: what the caller pays for all of it, in nano-dollars, pictures that failed beside these included. */
  renderAnswer(drawn: readonly Delivered[], request: ImageRequest, call: Call, costNanos: number): JsonObject;
  renderError(error: GatewayError, call: Call): { readonly status: number; readonly body: JsonObject };
  /** Tells one answer in events, for a request that asks for them (`delivery.stream`); absent: no request of it can. */
  renderEvents?(request: ImageRequest, call: Call): Events;
  /** `query`: what stands behind the path, such as the page that is asked for. Throws GatewayError naming a parameter. */
  renderModels(models: readonly Model[], call: Call, query: URLSearchParams): JsonObject;
  renderModel(model: Model): JsonObject;
  /** Uploaded files as its SDKs send and list them; absent: it has none. */
  readonly files?: FilesWire;
  /** How its requests name them; absent: they cannot. */
  readonly fileInputs?: FileInputs;
}

export type DialectName = 'openai-images' | 'openai-chat' | 'openai-responses' | 'claude' | 'gemini' | 'openrouter';

export interface Route {
  /** `{model}:method` at its end may hold any model string. */
  readonly path: string;
  /** Whether it is the spelling its vendor documents, of those served. */
  readonly isUsual: boolean;
  /** Throws GatewayError naming the field, what is allowed and what to do. */
  parseRequest(body: JsonObject, call: Call): ImageRequest;
  /** Where its events are not those of the dialect's other paths. */
  readonly renderEvents?: Dialect['renderEvents'];
  /** Whether its failures come in a list of one; absent: they never do. */
  listsErrors?(call: Call): boolean;
  /** A form as the JSON body that says the same, files as base64; absent: the path takes JSON alone. Throws GatewayError naming the field. */
  readonly fromForm?: (parts: readonly FormPart[]) => JsonObject;
  /** Present: nothing is drawn here; the answer is how many tokens the request has. */
  renderCount?(tokens: EstimatedTokens, call: Call): JsonObject;
}

/** The paths of a vendor's Files API. Several vendors have the same: whose a call is, its headers tell. */
export interface FilesWire {
  /** Where files are sent by POST and listed; each of them lies one step below. */
  readonly paths: readonly string[];
  /** Throws GatewayError naming the field. `data`: base64 as it came. */
  parseUpload(body: JsonObject): { readonly described: DescribedFile; readonly data: LongString | string };
  readonly fromForm?: Route['fromForm'];
  /** What stands behind the path and a slash; null for what no file is called. */
  parsePath(rest: string): { readonly id: string; readonly wants: 'file' | 'bytes' } | null;
  /** `base`: where callers reach this gateway, without a trailing slash. */
  renderFile(file: UploadedFile, base: string): JsonObject;
  /** `files`: all of the tenant's, the newest first; `query` says which page of them. Throws GatewayError naming a parameter. */
  renderFiles(files: readonly UploadedFile[], query: URLSearchParams, base: string): JsonObject;
  renderDeleted(id: string): JsonObject;
  /** Google's way of sending files, in steps: https://ai.google.dev/gemini-api/docs/files; absent: they only come in forms. */
  readonly uploads?: {
    readonly paths: readonly string[];
    /** What is said of a file before its bytes are sent. Throws GatewayError naming the field. */
    parseDescription(body: JsonObject): Pick<DescribedFile, 'id' | 'displayName' | 'claimed'>;
    renderUploaded(file: UploadedFile, base: string): JsonObject;
  };
  /** Another tenant's, one that never was, and one that has expired: nobody can tell them apart. */
  unknownFile(id: string): GatewayError;
}

/** How the JSON of a request names an uploaded file: an object in it that has the name in the place of the bytes. */
export interface FileInputs {
  /** `name`: of the member that the object stands in. `member`: of those that name the file. Null: it names none of ours. */
  referenceIn(object: JsonObject, name: string): { readonly id: string; readonly member: string } | null;
  /** The same object with the bytes in it. `data`: canonical base64. */
  inline(object: JsonObject, name: string, file: { readonly mimeType: string; readonly data: LongString }): JsonObject;
  /** `param`: where it stands. As `unknownFile` of the vendor's paths, of a request. */
  unknown(id: string, param: string): GatewayError;
}

/** One answer told bit by bit. The verbs are called in this order, `begin` first, and what each returns is sent before the next is; `finish` or `fail` is the last. */
export interface Events {
  /** When the 200 goes out. */
  begin(): readonly StreamEvent[];
  /** A draft that the vendor has sent, in the order they come: checked, and not above `delivery.stream.drafts` of each picture. */
  draft(picture: Picture): readonly StreamEvent[];
  /**
   * For a dialect that has the vendor's own words: what it sent of its thinking, text or picture, as it came. Where this
   * is there, `draft` is not called. It is told of all the thoughts of an answer before `finish`, or of none.
   */
  thought?(words: JsonObject): readonly StreamEvent[];
  /** The whole answer, checked and settled; the arguments are those of `renderAnswer`. */
  finish(delivered: readonly Delivered[], costNanos: number): readonly StreamEvent[];
  /** A failure after the 200, or one that `renderError` answers with 200. Any other before it is an ordinary error. */
  fail(error: GatewayError): readonly StreamEvent[];
  /** How the events are written down; absent: `lf`. */
  readonly framing?: FramingName;
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html */
export interface StreamEvent {
  /** Its `event:` line; null: it has none. */
  readonly name: string | null;
  /** A string goes out as it is: `[DONE]`. */
  readonly data: JsonObject | string;
}

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
  /** Google's query parameter of that name: https://cloud.google.com/apis/docs/system-parameters */
  readonly alt?: string | null;
  /** The house's id of the model routed to, for a failure that came after that. */
  readonly model?: string | null;
  /** Of the request what its answer says again (`delivery.echo`), for a failure that is told as an answer. */
  readonly echo?: JsonObject | null;
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
  /**
   * The pieces of a streamed reply as the words it would have been in one; null when its end is missing. Nothing that came
   * before the end may be taken for the count of what is billed.
   */
  joinPieces(pieces: readonly Json[]): JsonObject | null;
  /** The parts of one piece that tell of the vendor's thinking, each as a piece of its own. */
  thoughtsOf(piece: Json): readonly ThoughtPiece[];
  /** Throws GatewayError when the words are no answer at all: `upstream_failed`, or what an error in a 200 says. */
  parseAnswer(words: JsonObject): Answer;
  /** `words`: the reply's body, null when it was no JSON. `retryAfter`: the reply's header of that name. */
  parseError(status: number, words: Json, retryAfter?: string | null): GatewayError;
  /** The answer with that picture labelled as what its bytes are. `data`: as in the answer's part. */
  relabel(answer: Answer, data: LongString | string, mimeType: string): Answer;
}

export interface ThoughtPiece {
  readonly words: JsonObject;
  /** Set where it is a picture. */
  readonly data: LongString | string | null;
}

/** How an upstream spells a tier, where it is not as Google does: `{ "512": "0.5K" }`. */
export type SizeNames = Readonly<Record<string, string>>;
