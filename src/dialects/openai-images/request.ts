import { textPart } from '../../image/conversation.ts';
import {
  invalidValue,
  missingField,
  readInteger,
  readModelName,
  readString,
  unsupportedField,
} from '../../image/fields.ts';
import { checkSeeds, readConfig } from '../../image/native/config.ts';
import { gatherBody } from '../../image/native/extras.ts';
import type { OwnFields } from '../../image/native/extras.ts';
import { refuseTransparency } from '../../image/native/format.ts';
import { readShape } from '../../image/native/shape.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { MOST_PICTURES } from '../../image/request.ts';
import type { ImageRequest, Masked, Part, Turn } from '../../image/request.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { LongString } from '../../wire/long-string.ts';
import { readSafety, readUser } from '../openai-caller.ts';
import { laidInto, MASKED } from '../openai-masks.ts';
import { readDelivery } from './delivery.ts';
import { EDITS, GENERATIONS, VARIATIONS } from './fields.ts';
import type { OwnName } from './fields.ts';
import { readMask, readPictures } from './pictures.ts';

// https://platform.openai.com/docs/api-reference/images

const PROMPT_LENGTH = 32_000;
/** JSON may spend twelve bytes on one character: `\ud83e\udd8a`. */
const BYTES_PER_CHARACTER = 12;

const DALL_E = /^dall-e-/;

/** What a variation is asked for with: OpenAI's own takes no words. */
const VARIATION =
  'Draw another version of this picture: the same subject, style and mood, with a different composition and details.';

/** What a path's own fields come to. */
interface Content {
  readonly parts: readonly Part[];
  readonly masked?: Masked;
}

export function parseRequest(body: JsonObject): ImageRequest {
  return readRequest(body, GENERATIONS, (own) => ({ parts: [readPrompt(own)] }));
}

/** https://platform.openai.com/docs/api-reference/images/createEdit */
export function parseEdit(body: JsonObject): ImageRequest {
  return readRequest(body, EDITS, (own) => {
    const prompt = readPrompt(own);
    const [first, ...others] = readPictures(own);
    const mask = readMask(own);
    const pictures = [first!, ...others];
    if (mask === null) return { parts: [prompt, ...pictures] };
    return { parts: [prompt, ...pictures, mask, textPart(MASKED)], masked: { picture: first!, mask } };
  });
}

/** https://platform.openai.com/docs/api-reference/images/createVariation */
export function parseVariation(body: JsonObject): ImageRequest {
  return readRequest(body, VARIATIONS, (own) => ({ parts: [textPart(VARIATION), ...readPictures(own, { most: 1 })] }));
}

function readRequest(
  body: JsonObject,
  fields: OwnFields<OwnName>,
  readContent: (own: Fields) => Content,
): ImageRequest {
  const { own, places } = gatherBody(body, fields);
  const read = <T>(name: OwnName, reader: (value: Json, path: string) => T) => take(own, name, reader);

  const { parts, masked = null } = readContent(own);
  const model = read('model', readModelName)?.value ?? null;
  const count = read('n', (value, path) => readInteger(value, path, { min: 1, max: MOST_PICTURES }))?.value ?? 1;
  refuseTransparency(own);

  const { modalities, ratio, tier, ...config } = readConfig(places);
  if (modalities !== null && modalities.value.join() !== 'IMAGE') {
    const sentence = 'this path answers with pictures alone; send ["IMAGE"], or use :generateContent for text as well.';
    throw unsupportedField(modalities.path, sentence, 'unsupported_value');
  }
  checkSeeds(config, count);
  const asked = readShape(own, { ratio, tier }, places.warnings);
  // OpenAI's own answer to these is a link, and there are clients of theirs that read nothing else.
  const linkByDefault = model === null ? fields === VARIATIONS : DALL_E.test(model);
  const whole = readDelivery(own, { shape: asked, linkByDefault }, places.warnings);
  const { shape, delivery } = masked === null ? { shape: asked, delivery: whole } : laidInto(masked, asked, whole);
  return {
    ...config,
    model,
    turns: [{ role: 'user', parts, more: {} } satisfies Turn],
    system: null,
    modalities: ['IMAGE'],
    shape,
    safety: readSafety(own, config),
    count,
    delivery,
    user: readUser(own, delivery),
  };
}

function readPrompt(own: Fields): Part {
  const prompt = take(own, 'prompt', readPromptText);
  if (prompt === null) throw missingField('prompt', 'a string that says what to draw');
  return textPart(prompt.value);
}

function readPromptText(value: Json, path: string): string {
  const expected = `a string of 1 to ${PROMPT_LENGTH} characters`;
  if (value instanceof LongString && value.byteLength > PROMPT_LENGTH * BYTES_PER_CHARACTER)
    throw invalidValue(path, expected);
  const prompt = readString(value, path);
  // Only when there are more UTF-16 units than allowed can there be more characters.
  const isLong = prompt.length > PROMPT_LENGTH && Array.from(prompt).length > PROMPT_LENGTH;
  if (prompt === '' || isLong) throw invalidValue(path, expected);
  return prompt;
}
