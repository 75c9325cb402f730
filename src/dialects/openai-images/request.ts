import {
  invalidValue,
  missingField,
  readInteger,
  readOneOf,
  readString,
  unsupportedField,
} from '../../image/fields.ts';
import { checkSeeds, readConfig } from '../../image/native/config.ts';
import { gatherBody } from '../../image/native/extras.ts';
import { refuseTransparency } from '../../image/native/format.ts';
import { readShape } from '../../image/native/shape.ts';
import { take } from '../../image/native/spelling.ts';
import type { ImageRequest, Turn } from '../../image/request.ts';
import { LEAST_SAFETY } from '../../image/safety.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { LongString } from '../../wire/long-string.ts';
import { readDelivery } from './delivery.ts';
import { GENERATIONS } from './fields.ts';
import type { OwnName } from './fields.ts';

// https://platform.openai.com/docs/api-reference/images/create

const PROMPT_LENGTH = 32_000;
/** JSON may spend twelve bytes on one character: `\ud83e\udd8a`. */
const BYTES_PER_CHARACTER = 12;

export function parseRequest(body: JsonObject): ImageRequest {
  const { own, places } = gatherBody(body, GENERATIONS);
  const read = <T>(name: OwnName, reader: (value: Json, path: string) => T) => take(own, name, reader);

  const prompt = read('prompt', readPrompt);
  if (prompt === null) throw missingField('prompt', 'a string that says what to draw');
  const model = read('model', readName)?.value ?? null;
  const count = read('n', (value, path) => readInteger(value, path, { min: 1, max: 10 }))?.value ?? 1;
  const moderation = read('moderation', (value, path) => readOneOf(value, path, ['low', 'auto']));
  refuseTransparency(own);

  const { modalities, ratio, tier, ...config } = readConfig(places);
  if (modalities !== null && modalities.value.join() !== 'IMAGE') {
    const sentence = 'this path answers with pictures alone; send ["IMAGE"], or use :generateContent for text as well.';
    throw unsupportedField(modalities.path, sentence, 'unsupported_value');
  }
  checkSeeds(config, count);
  const user = read('user', readString)?.value ?? '';
  const shape = readShape(own, { ratio, tier }, places.warnings);
  const delivery = readDelivery(own, places.warnings);
  return {
    ...config,
    model,
    turns: [promptTurn(prompt.value)],
    system: null,
    modalities: ['IMAGE'],
    shape,
    safety: config.safety.length === 0 && moderation?.value === 'low' ? LEAST_SAFETY : config.safety,
    count,
    delivery,
    user: delivery.safetyIdentifier ?? (user === '' ? null : user),
  };
}

function promptTurn(text: string): Turn {
  return { role: 'user', parts: [{ kind: 'text', text, thought: false, signature: null, more: {} }], more: {} };
}

function readPrompt(value: Json, path: string): string {
  const expected = `a string of 1 to ${PROMPT_LENGTH} characters`;
  if (value instanceof LongString && value.byteLength > PROMPT_LENGTH * BYTES_PER_CHARACTER)
    throw invalidValue(path, expected);
  const prompt = readString(value, path);
  // Only when there are more UTF-16 units than allowed can there be more characters.
  const isLong = prompt.length > PROMPT_LENGTH && Array.from(prompt).length > PROMPT_LENGTH;
  if (prompt === '' || isLong) throw invalidValue(path, expected);
  return prompt;
}

function readName(value: Json, path: string): string {
  const name = readString(value, path);
  if (name === '') throw invalidValue(path, 'the name of a model, or absent for the default one');
  return name;
}
