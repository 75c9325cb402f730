import { isDataUrl, readDataUrl } from '../../image/data-url.ts';
import {
  invalidValue,
  missingField,
  readBoolean,
  readInteger,
  readObject,
  readString,
  unsupportedField,
} from '../../image/fields.ts';
import { checkSeeds, readConfig } from '../../image/native/config.ts';
import { gatherBody } from '../../image/native/extras.ts';
import { readFormat, refuseTransparency } from '../../image/native/format.ts';
import { readShape } from '../../image/native/shape.ts';
import { give, take } from '../../image/native/spelling.ts';
import { referencePart } from '../../image/reference.ts';
import { isRemoteUrl, remotePart } from '../../image/remote.ts';
import { MOST_PICTURES, WHOLE } from '../../image/request.ts';
import type { ImageRequest, Part, PicturePart } from '../../image/request.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { IMAGES } from './fields.ts';
import type { OwnName } from './fields.ts';

/** What OpenRouter takes; a model may take fewer. */
const MOST_REFERENCES = 16;
const PROMPT_LENGTH = 32_000;

export function parseRequest(body: JsonObject): ImageRequest {
  const { own, places } = gatherBody(body, IMAGES);
  const read = <T>(name: OwnName, reader: (value: Json, path: string) => T) => take(own, name, reader);

  const prompt = read('prompt', readPrompt);
  if (prompt === null) throw missingField('prompt', 'a string that says what to draw');
  const references = read('input_references', readReferences)?.value ?? [];
  const resolution = read('resolution', readString);
  // Its own word for a tier, which `image_size` may say too.
  if (resolution !== null) give(places.imageConfig, 'imageSize', resolution);
  for (const name of ['provider', 'session_id', 'trace'] as const)
    if (own.has(name)) places.warnings.push(`${name} is not honoured: who draws is configured here.`);
  refuseTransparency(own);

  const { modalities, ratio, tier, ...config } = readConfig(places);
  if (modalities !== null && modalities.value.join() !== 'IMAGE')
    throw unsupportedField(
      modalities.path,
      'this path answers with pictures alone; send ["image"].',
      'unsupported_value',
    );
  const count = read('n', (value, path) => readInteger(value, path, { min: 1, max: MOST_PICTURES }))?.value ?? 1;
  checkSeeds(config, count);
  const user = read('user', readString)?.value ?? '';
  return {
    ...config,
    model: read('model', readString)?.value ?? null,
    turns: [{ role: 'user', parts: [prompt.value, ...references], more: {} }],
    system: null,
    modalities: ['IMAGE'],
    shape: readShape(own, { ratio, tier }, places.warnings),
    count,
    delivery: {
      ...WHOLE,
      ...readFormat(own),
      // It has no parameter that asks for drafts: those that come with one picture are told.
      stream: read('stream', readBoolean)?.value === true ? { drafts: 0 } : null,
      warnings: places.warnings,
    },
    user: user === '' ? null : user,
  };
}

function readPrompt(value: Json, path: string): Part {
  const text = readString(value, path);
  if (text === '' || Array.from(text).length > PROMPT_LENGTH)
    throw invalidValue(path, `a string of 1 to ${PROMPT_LENGTH} characters`);
  return { kind: 'text', text, thought: false, signature: null, more: {} };
}

function readReferences(value: Json, path: string): readonly PicturePart[] {
  if (!Array.isArray(value))
    throw invalidValue(path, 'a list of {"type": "image_url", "image_url": {"url": "data:..."}}');
  if (value.length > MOST_REFERENCES)
    throw unsupportedField(
      path,
      `at most ${MOST_REFERENCES} pictures, not ${value.length}. Send fewer.`,
      'too_many_images',
    );
  return value.map((item, index) => readReference(item, `${path}[${index}]`));
}

function readReference(value: Json, path: string): PicturePart {
  const { type = null, image_url: image = null } = readObject(value, path);
  if (type !== 'image_url') throw invalidValue(`${path}.type`, '"image_url"');
  const at = `${path}.image_url.url`;
  const url = readObject(image, `${path}.image_url`).url ?? null;
  if (isRemoteUrl(url)) return remotePart(readString(url, at), at);
  if (typeof url === 'string' && !isDataUrl(url))
    throw unsupportedField(at, 'addresses are not fetched here. Send the picture itself, as data:image/png;base64,…');
  return referencePart(readDataUrl(url, at).data, at);
}
