import { conflictingFields, readObject, unsupportedField } from '../../image/fields.ts';
import { gatherNative, noFields } from '../../image/native/config.ts';
import type { Place, Places } from '../../image/native/config.ts';
import { GENERATION_CONFIG, IMAGE_CONFIG, REQUEST } from '../../image/native/names.ts';
import { give, known } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { editDistance } from '../../image/nearest.ts';
import { GatewayError } from '../../errors.ts';
import type { Json, JsonObject } from '../../wire/json.ts';

// Which field of a body is what. OpenAI's own stand at the top; Gemini's may stand there too, or under `google`; and
// both again under `extra_body`, which openai-python merges into the top and openai-node sends as it is.

/** OpenAI's parameters: https://platform.openai.com/docs/api-reference/images/create */
const OWN = [
  'prompt',
  'model',
  'n',
  'size',
  'quality',
  'background',
  'moderation',
  'output_format',
  'output_compression',
  'response_format',
  'stream',
  'partial_images',
  'style',
  'input_fidelity',
  'user',
  'safety_identifier',
] as const;

export type OwnName = (typeof OWN)[number];

/** What would change the picture so much that leaving it out is no option. */
const REFUSED = new Map([
  ['complexity', 'no Gemini model knows it; use quality or thinking_config.'],
  ['frame_count', 'only still pictures are drawn.'],
  ['frame_duration_ms', 'only still pictures are drawn.'],
  ['svg', 'only png, jpeg and webp are drawn.'],
  ...['image', 'images', 'image_url', 'input_references', 'reference_images', 'mask', 'markup'].map(
    (name) => [name, 'this path draws from text alone. Send pictures as inlineData to :generateContent.'] as const,
  ),
  ...['contents', 'systemInstruction', 'system_instruction'].map(
    (name) => [name, 'this path takes a prompt. Send contents to :generateContent.'] as const,
  ),
]);

const EXTRAS = ['aspect_ratio', 'image_size', 'image_config', 'seed', 'temperature', 'tools', 'safety_settings'];
const MEANT = [...OWN, ...EXTRAS, 'thinking_config', 'response_modalities', 'modalities', 'google', 'extra_body'];

export interface GatheredBody {
  readonly own: Fields;
  readonly places: Places;
}

export function gatherBody(body: JsonObject): GatheredBody {
  const own: Fields = new Map();
  const places = noFields();
  const unknown: string[] = [];

  const gatherTop = (object: JsonObject, prefix: string): void => {
    for (const [name, value] of Object.entries(object)) {
      const path = prefix + name;
      if (value === null) continue;
      if (isOwn(name)) give(own, name, { value, path });
      else if (name === 'google') gatherGoogle(places, readObject(value, path), path);
      else if (name === 'extra_body' && prefix === '') gatherTop(readObject(value, path), 'extra_body.');
      else if (!gatherExtra(places, name, value, prefix)) unknown.push(checkedName(name, path));
    }
  };
  gatherTop(readObject(body, ''), '');
  if (unknown.length > 0) places.warnings.push(`Unknown parameters were not honoured: ${listed(unknown)}.`);
  return { own, places };
}

function isOwn(name: string): name is OwnName {
  return OWN.some((own) => own === name);
}

/** Here a name we do not know is meant for Gemini: it goes up as it came, as a setting of the generation. */
function gatherGoogle(places: Places, google: JsonObject, path: string): void {
  for (const [name, value] of Object.entries(google)) {
    if (value === null) continue;
    if (name === 'model') throw conflictingFields('model', `${path}.model`);
    if (gatherExtra(places, name, value, `${path}.`)) continue;
    give(places.generationConfig, name, { value, path: `${path}.${name}` });
  }
}

/** Whether the name was Gemini's, and its value was put where Gemini has it. */
function gatherExtra(places: Places, name: string, value: Json, prefix: string): boolean {
  const path = prefix + name;
  const refusal = REFUSED.get(name);
  if (refusal !== undefined) throw unsupportedField(path, refusal);
  if (name === 'modalities') {
    const words = Array.isArray(value) ? value : [value];
    const upper = words.map((word) => (typeof word === 'string' ? word.toUpperCase() : word));
    give(places.generationConfig, 'responseModalities', { value: upper, path });
    return true;
  }
  const place = placeOf(name);
  if (place === null) return false;
  gatherNative(places, place, Object.fromEntries([[name, value]]), prefix.slice(0, -1));
  return true;
}

function placeOf(name: string): Place | null {
  if (known(IMAGE_CONFIG, name)) return 'imageConfig';
  if (known(GENERATION_CONFIG, name)) return 'generationConfig';
  return known(REQUEST, name) ? 'request' : null;
}

/**
 * A name one slip of the pen away from one we know would cost a picture that is not what was asked: that is a 400. Any
 * other is a warning, for clients send much that only their own server knows.
 */
function checkedName(name: string, path: string): string {
  const word = name.toLowerCase().replaceAll('-', '_');
  const meant =
    word.length > 40 ? undefined : MEANT.find((one) => editDistance(one, word) <= Math.min(2, one.length / 6));
  if (meant === undefined) return path;
  throw new GatewayError('invalid_request', `${printable(path)} is unknown. Did you mean ${meant}?`, {
    param: path,
    code: 'unknown_parameter',
  });
}

const MOST_LISTED = 10;

function listed(paths: readonly string[]): string {
  const more = paths.length > MOST_LISTED ? ` and ${paths.length - MOST_LISTED} more` : '';
  return paths.slice(0, MOST_LISTED).map(printable).join(', ') + more;
}

/** Fit for a response header, whatever the caller called its field. */
function printable(path: string): string {
  const ascii = path.replace(/[^\x20-\x7e]/g, '?');
  return ascii.length > 60 ? `${ascii.slice(0, 60)}...` : ascii;
}
