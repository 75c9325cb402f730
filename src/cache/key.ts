import { GatewayError } from '../errors.ts';
import type { Draw, NativeFields, OtherPart, Part, PicturePart, TextPart, Turn } from '../image/request.ts';
import type { Tier } from '../image/size.ts';
import { Base64Error } from '../wire/base64.ts';
import { isObject, type Json, type JsonObject } from '../wire/json.ts';
import { canonicalJson } from './canonical-json.ts';
import { digestOf, digestOfBase64 } from './digest.ts';

export interface CacheKey {
  /** Who share their answers: a tenant, or several that chose to. */
  readonly scope: string;
  /** SHA-256 of what is asked for, in lower-case hex. */
  readonly digest: string;
}

/** The scope stands outside the digest, which has a fixed length: whatever a request holds, it stays in its own scope. */
export function keyName(key: CacheKey): string {
  return `${key.scope}:${key.digest}`;
}

/** To be raised when equal digests would no longer mean equal pictures. */
const VERSION = 1;

/**
 * Equal for every spelling of one meaning, in every dialect, and different for different meanings. `defaults` are the
 * model's own, for what the draw leaves open. Throws `invalid_request` for a picture that is not base64, and names the
 * field it came in.
 */
export async function cacheKey(draw: Draw, scope: string, defaults: { readonly tier: Tier }): Promise<CacheKey> {
  // The `satisfies` of this file: a field added to the request model does not compile until the key decides on it.
  const meaning = {
    model: draw.model,
    turns: await inOrder(draw.turns, (turn, index) => turnMeaning(turn, `contents[${index}]`)),
    system: draw.system === null ? null : { ...(await turnMeaning(draw.system, 'systemInstruction')), role: null },
    modalities: draw.modalities.toSorted(),
    ratio: draw.ratio ?? (isTextOnly(draw) ? '1:1' : null),
    tier: draw.tier ?? defaults.tier,
    seed: draw.seed,
    temperature: draw.temperature ?? 1,
    thinking: withoutDefaults(draw.thinking ?? {}, { includeThoughts: false }),
    tools: [...draw.tools],
    safety: inAnyOrder(draw.safety),
    more: moreMeaning(draw.more),
    variant: draw.seed === null ? draw.variant : null,
  } satisfies Record<keyof Draw, Json>;
  return { scope, digest: await digestOf(canonicalJson([VERSION, meaning])) };
}

/** Without a ratio the model takes that of its input, and a square when there is none. */
function isTextOnly(draw: Draw): boolean {
  return draw.turns.every((turn) => turn.parts.every((part) => part.kind === 'text'));
}

async function turnMeaning(turn: Turn, path: string): Promise<JsonObject> {
  return {
    role: turn.role,
    parts: await inOrder(turn.parts, (part, index) => partMeaning(part, `${path}.parts[${index}]`)),
    more: withoutDefaults(turn.more),
  } satisfies Record<keyof Turn, Json>;
}

/** Signatures say nothing new: they repeat, sealed, what the parts they came with say. */
async function partMeaning(part: Part, path: string): Promise<JsonObject> {
  if (part.kind === 'picture') return pictureMeaning(part, path);
  if (part.kind === 'text') {
    const { kind, text, thought } = part;
    return { kind, text, thought, signature: null, more: withoutDefaults(part.more) } satisfies Record<
      keyof TextPart,
      Json
    >;
  }
  const { thoughtSignature: _signature, ...fields } = part.fields;
  return { kind: part.kind, fields } satisfies Record<keyof OtherPart, Json>;
}

async function pictureMeaning(part: PicturePart, path: string): Promise<JsonObject> {
  return {
    kind: part.kind,
    data: await digestOfPicture(part, path),
    // Of a picture the bytes say what it is, whatever the caller calls it; a PDF may also be meant as text.
    mimeType: part.mimeType.startsWith('image/') ? 'image' : part.mimeType,
    thought: part.thought,
    signature: null,
    more: withoutDefaults(part.more),
    // Where it stood in its request, or was fetched from, is nothing that can be seen.
  } satisfies Record<Exclude<keyof PicturePart, 'named' | 'remote'>, Json>;
}

/** SHA-256 of a picture's bytes, in lower-case hex; `place`: of its part in Gemini's request. Throws `invalid_request`. */
export async function digestOfPicture({ data, named }: PicturePart, place: string): Promise<string> {
  try {
    return (await digestOfBase64(data)).digest;
  } catch (error) {
    if (!(error instanceof Base64Error)) throw error;
    const path = named ?? `${place}.inlineData.data`;
    const message = `${path} must be the bytes as base64: ${error.message}.`;
    throw new GatewayError('invalid_request', message, { param: path, code: 'invalid_base64' }, error);
  }
}

/** What a model does anyway: https://ai.google.dev/api/generate-content#generationconfig */
const GENERATION_DEFAULTS: JsonObject = { candidateCount: 1, topP: 0.95, presencePenalty: 0, frequencyPenalty: 0 };

function moreMeaning(more: NativeFields): JsonObject {
  // How it is billed, queued and logged: nothing of that can be seen in the picture.
  const { labels: _labels, serviceTier: _serviceTier, store: _store, ...request } = more.request;
  return {
    request: withoutDefaults(request),
    generationConfig: withoutDefaults(more.generationConfig, GENERATION_DEFAULTS),
    imageConfig: withoutDefaults(more.imageConfig),
  } satisfies Record<keyof NativeFields, Json>;
}

/** In proto3 JSON null, an empty list and an empty message mean what an absent field means. */
function withoutDefaults(fields: JsonObject, defaults: JsonObject = {}): JsonObject {
  const told = Object.entries(fields).filter(([name, value]) => {
    const isDefault = Object.hasOwn(defaults, name) && defaults[name] === value;
    return !isDefault && !isEmpty(value);
  });
  return Object.fromEntries(told);
}

function isEmpty(value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === null || (isObject(value) && Object.keys(value).length === 0);
}

function inAnyOrder(values: readonly JsonObject[]): string[] {
  return values.map(asText).sort();
}

/** A piece of a long string may end within a character. */
function asText(value: Json): string {
  return Buffer.concat(canonicalJson(value).map((piece) => Buffer.from(piece))).toString();
}

/** One after the other, so that only one picture is decoded at a time. */
async function inOrder<T>(
  values: readonly T[],
  meaning: (value: T, index: number) => Promise<JsonObject>,
): Promise<JsonObject[]> {
  const meanings: JsonObject[] = [];
  for (const [index, value] of values.entries()) meanings.push(await meaning(value, index));
  return meanings;
}
