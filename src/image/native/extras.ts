import { GatewayError } from '../../errors.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { conflictingFields, readObject, unsupportedField } from '../fields.ts';
import { editDistance } from '../nearest.ts';
import { gatherNative, noFields } from './config.ts';
import type { Place, Places } from './config.ts';
import { GENERATION_CONFIG, IMAGE_CONFIG, REQUEST } from './names.ts';
import { give, known } from './spelling.ts';
import type { Fields } from './spelling.ts';

// Which field of a body in another dialect is what. The dialect's own stand at the top; Gemini's may stand there too, or
// under `google`; and both again under `extra_body`, which openai-python merges into the top and openai-node sends as it is.

/** What a path of a dialect knows by itself. */
export interface OwnFields<Name extends string> {
  readonly names: readonly Name[];
  /** What would change the picture so much that leaving it out is no option, and what to do instead. */
  readonly refused: ReadonlyMap<string, string>;
}

const EXTRAS = ['aspect_ratio', 'image_size', 'image_config', 'seed', 'temperature', 'tools', 'safety_settings'];
const OTHERS = [...EXTRAS, 'thinking_config', 'response_modalities', 'modalities', 'google', 'extra_body'];

export interface GatheredBody {
  readonly own: Fields;
  readonly places: Places;
}

/** Sorts a body out. Throws GatewayError naming a field that is refused, or that is one slip of the pen away from a known one. */
export function gatherBody<Name extends string>(body: JsonObject, fields: OwnFields<Name>): GatheredBody {
  const gathered: GatheredBody = { own: new Map(), places: noFields() };
  gatherFields(gathered, readObject(body, ''), fields, '');
  return gathered;
}

/** The same of an object inside a body, whose fields mean what they mean at the top. `prefix`: what its names stand behind, `tools[0].`. */
export function gatherFields<Name extends string>(
  { own, places }: GatheredBody,
  object: JsonObject,
  { names, refused }: OwnFields<Name>,
  prefix: string,
): void {
  const isOwn = (name: string): name is Name => names.some((own) => own === name);
  const unknown: string[] = [];

  const gather = (object: JsonObject, prefix: string): void => {
    for (const [name, value] of Object.entries(object)) {
      const path = prefix + name;
      if (value === null) continue;
      if (isOwn(name)) give(own, name, { value, path });
      else if (name === 'google') gatherGoogle(places, readObject(value, path), path, refused);
      else if (name === 'extra_body' && !prefix.endsWith('extra_body.')) gather(readObject(value, path), `${path}.`);
      else if (!gatherExtra(places, name, value, prefix, refused)) unknown.push(checkedName(name, path, names));
    }
  };
  gather(object, prefix);
  if (unknown.length > 0) places.warnings.push(`Unknown parameters were not honoured: ${listed(unknown)}.`);
}

/** Here a name we do not know is meant for Gemini: it goes up as it came, as a setting of the generation. */
function gatherGoogle(places: Places, google: JsonObject, path: string, refused: ReadonlyMap<string, string>): void {
  for (const [name, value] of Object.entries(google)) {
    if (value === null) continue;
    if (name === 'model') throw conflictingFields('model', `${path}.model`);
    if (gatherExtra(places, name, value, `${path}.`, refused)) continue;
    give(places.generationConfig, name, { value, path: `${path}.${name}` });
  }
}

/** Whether the name was Gemini's, and its value was put where Gemini has it. */
function gatherExtra(
  places: Places,
  name: string,
  value: Json,
  prefix: string,
  refused: ReadonlyMap<string, string>,
): boolean {
  const path = prefix + name;
  const refusal = refused.get(name);
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
function checkedName(name: string, path: string, own: readonly string[]): string {
  const word = name.toLowerCase().replaceAll('-', '_');
  const meant =
    word.length > 40
      ? undefined
      : [...own, ...OTHERS].find((one) => editDistance(one, word) <= Math.min(2, one.length / 6));
  if (meant === undefined) return path;
  throw new GatewayError('invalid_request', `${printable(path)} is unknown. Did you mean ${meant}?`, {
    param: path,
    code: 'unknown_parameter',
  });
}

const MOST_LISTED = 10;

/** Names for a warning: the first of them, fit for a response header. */
export function listed(paths: readonly string[]): string {
  const more = paths.length > MOST_LISTED ? ` and ${paths.length - MOST_LISTED} more` : '';
  return paths.slice(0, MOST_LISTED).map(printable).join(', ') + more;
}

/** Fit for a response header, whatever the caller called its field. */
function printable(path: string): string {
  const ascii = path.replace(/[^\x20-\x7e]/g, '?');
  return ascii.length > 60 ? `${ascii.slice(0, 60)}...` : ascii;
}
