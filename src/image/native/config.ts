import {
  invalidValue,
  readList,
  readNativeInteger,
  readNativeNumber,
  readObject,
  readString,
  unsupportedField,
} from '../fields.ts';
import type { ImageRequest, Modality, NativeFields } from '../request.ts';
import { ASPECT_RATIOS, parseRatio, parseTier, TIERS } from '../size.ts';
import type { AspectRatio, Tier } from '../size.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { GENERATION_CONFIG, IMAGE_CONFIG, IMAGE_FORMAT, REQUEST, RESPONSE_FORMAT } from './names.ts';
import type { Message } from './names.ts';
import { gather, give, take, takeRest } from './spelling.ts';
import type { Fields, Given } from './spelling.ts';

/** Where a field stands in Gemini's request. */
export type Place = keyof NativeFields;

/** Native fields gathered from wherever a dialect lets them stand. */
export interface Places extends Record<Place, Fields> {
  /** One sentence for each that cannot be honoured. */
  readonly warnings: string[];
}

/** What Gemini's settings say, whichever dialect they came through. */
export interface NativeConfig extends Pick<
  ImageRequest,
  'seed' | 'temperature' | 'thinking' | 'tools' | 'safety' | 'more'
> {
  readonly modalities: { readonly value: readonly Modality[]; readonly path: string } | null;
  readonly ratio: { readonly value: AspectRatio; readonly path: string } | null;
  readonly tier: { readonly value: Tier; readonly path: string } | null;
}

const NAMES = {
  request: REQUEST,
  generationConfig: GENERATION_CONFIG,
  imageConfig: IMAGE_CONFIG,
} as const satisfies Record<Place, Message>;

const INT32 = { min: -2_147_483_648, max: 2_147_483_647 };

export function noFields(): Places {
  return { request: new Map(), generationConfig: new Map(), imageConfig: new Map(), warnings: [] };
}

/** Gathers the fields of an object that stands in that place, and of the settings inside it in theirs. */
export function gatherNative(places: Places, place: Place, object: JsonObject, path: string): void {
  gather(places[place], object, NAMES[place], path);
  for (const { value, path } of drain(places.request, 'generationConfig')) {
    gatherNative(places, 'generationConfig', readObject(value, path), path);
  }
  for (const { value, path } of drain(places.generationConfig, 'imageConfig')) {
    gatherNative(places, 'imageConfig', readObject(value, path), path);
  }
  for (const { value, path } of drain(places.generationConfig, 'responseFormat')) {
    gatherResponseFormat(places, value, path);
  }
}

function drain(fields: Fields, name: string): readonly Given[] {
  const given = fields.get(name) ?? [];
  fields.delete(name);
  return given;
}

/** Resellers and the older SDKs know only `imageConfig`, so that is what goes up. */
function gatherResponseFormat(places: Places, value: Json, path: string): void {
  const left = readList(value).map((item, index) => {
    const at = Array.isArray(value) ? `${path}[${index}]` : path;
    const fields: Fields = new Map();
    gather(fields, readObject(item, at), RESPONSE_FORMAT, at);
    for (const name of ['audio', 'video']) {
      const other = take(fields, name, (value) => value);
      if (other !== null) throw unsupportedField(other.path, 'only pictures and text can be asked for.');
    }
    for (const image of drain(fields, 'image'))
      gatherImageFormat(places, readObject(image.value, image.path), image.path);
    return takeRest(fields);
  });
  const rest = left.filter((item) => Object.keys(item).length > 0);
  if (rest.length > 0)
    give(places.generationConfig, 'responseFormat', { value: Array.isArray(value) ? rest : rest[0]!, path });
}

function gatherImageFormat(places: Places, image: JsonObject, path: string): void {
  const fields: Fields = new Map();
  gather(fields, image, IMAGE_FORMAT, path);
  const delivery = take(fields, 'delivery', readString);
  if (delivery?.value === 'URI') throw unsupportedField(delivery.path, 'pictures come inline; send INLINE.');
  const mimeType = take(fields, 'mimeType', readString);
  if (mimeType !== null)
    places.warnings.push(`${mimeType.path} is not honoured: the picture comes as the vendor made it.`);
  for (const [name, given] of fields) for (const one of given) give(places.imageConfig, name, one);
}

/** Reads what the house decides on and leaves the rest in `more`. The fields are used up. */
export function readConfig({ request, generationConfig, imageConfig }: Places): NativeConfig {
  const candidates = take(generationConfig, 'candidateCount', (value, path) => readNativeInteger(value, path, INT32));
  if (candidates !== null && candidates.value !== 1) {
    throw unsupportedField(candidates.path, 'one call draws one picture; send 1, or call again.', 'unsupported_value');
  }
  for (const { value, path } of request.get('serviceTier') ?? []) checkServiceTier(value, path);
  const modalities = take(generationConfig, 'responseModalities', readModalities);
  const thinking = take(generationConfig, 'thinkingConfig', readObject)?.value ?? null;
  return {
    modalities: modalities === null || modalities.value.length === 0 ? null : modalities,
    ratio: given(take(imageConfig, 'aspectRatio', readRatio)),
    tier: given(take(imageConfig, 'imageSize', readTier)),
    seed: take(generationConfig, 'seed', (value, path) => readNativeInteger(value, path, INT32))?.value ?? null,
    temperature: take(generationConfig, 'temperature', readTemperature)?.value ?? null,
    thinking: thinking === null || Object.keys(thinking).length === 0 ? null : thinking,
    tools: take(request, 'tools', readObjects)?.value ?? [],
    safety: take(request, 'safetySettings', readObjects)?.value ?? [],
    more: {
      request: takeRest(request),
      generationConfig: takeRest(generationConfig),
      imageConfig: takeRest(imageConfig),
    },
  };
}

/** Each of n pictures has a seed of its own: s, s + 1, s + 2, … */
export function checkSeeds({ seed }: Pick<NativeConfig, 'seed'>, count: number): void {
  if (seed !== null && seed + count - 1 > INT32.max)
    throw invalidValue('seed', `at most ${INT32.max - count + 1} when n is ${count}`);
}

/** `priority` costs 1.8 times the price that budgets reckon with: https://ai.google.dev/gemini-api/docs/pricing */
function checkServiceTier(value: Json, path: string): void {
  if (isUnspecified(value) || (typeof value === 'string' && /^(standard|flex|unspecified)$/i.test(value))) return;
  throw unsupportedField(
    path,
    'what costs more than the usual price is not paid; send standard or flex.',
    'unsupported_value',
  );
}

/** `…_UNSPECIFIED` is proto3's way of saying nothing. */
function isUnspecified(value: Json): boolean {
  return typeof value === 'string' && (value === '' || value.toUpperCase().endsWith('_UNSPECIFIED'));
}

function given<T>(taken: { readonly value: T | null; readonly path: string } | null) {
  return taken === null || taken.value === null ? null : { value: taken.value, path: taken.path };
}

function readRatio(value: Json, path: string): AspectRatio | null {
  const ratio = parseRatio(value);
  if (ratio === null && !isUnspecified(value)) throw invalidValue(path, `one of ${ASPECT_RATIOS.join(', ')}`);
  return ratio;
}

function readTier(value: Json, path: string): Tier | null {
  const tier = parseTier(value);
  if (tier === null && !isUnspecified(value)) throw invalidValue(path, `one of ${TIERS.join(', ')}`);
  return tier;
}

function readTemperature(value: Json, path: string): number {
  return readNativeNumber(value, path, { min: 0, max: 2 });
}

function readModalities(value: Json, path: string): readonly Modality[] {
  const words = readList(value).map((word) => {
    if (word !== 'IMAGE' && word !== 'TEXT') throw invalidValue(path, 'a list of IMAGE and TEXT');
    return word;
  });
  return [...new Set(words)].sort();
}

const MOST_OBJECTS = 256;

function readObjects(value: Json, path: string): readonly JsonObject[] {
  const items = readList(value);
  if (items.length > MOST_OBJECTS) throw invalidValue(path, `a list of at most ${MOST_OBJECTS} objects`);
  return items.map((item, index) => readObject(item, `${path}[${index}]`));
}
