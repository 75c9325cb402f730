import { converse, ledBy, passedOverWarnings, saidBy, textPart } from '../../image/conversation.ts';
import type { Conversation, PassOver, Said } from '../../image/conversation.ts';
import { invalidValue, missingField, readObject, readOneOf, readString, unsupportedField } from '../../image/fields.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { LongString } from '../../wire/long-string.ts';
import { parseContent, readBase64 } from '../openai-content.ts';

// https://platform.openai.com/docs/api-reference/responses/create#responses-create-input

const SPEAKERS = {
  user: 'user',
  assistant: 'model',
  system: 'system',
  developer: 'system',
} as const satisfies Record<string, Said['speaker']>;
const ROLES = Object.keys(SPEAKERS) as (keyof typeof SPEAKERS)[];

/** What is read of a message, and what this path wrote itself and clients send back with an answer. */
const OF_MESSAGES = new Set(['type', 'role', 'content', 'id', 'status', 'phase']);

const EXAMPLE = 'a string, or a list such as [{"role":"user","content":"a fox in snow"}]';
const ALLOWED = 'message, image_generation_call, reasoning or function_call_output';

/** `instructions` and `input`. Pictures of earlier answers become the model's own. */
export function readConversation(own: Fields, warnings: string[]): Conversation {
  const passedOver: string[] = [];
  const instructions = take(own, 'instructions', readString)?.value ?? '';
  const input = take(own, 'input', (value, path) => parseInput(value, path, (each) => passedOver.push(each)));
  if (input === null) throw missingField('input', EXAMPLE);
  warnings.push(...passedOverWarnings(passedOver));
  return ledBy(instructions === '' ? [] : [textPart(instructions)], input.value);
}

function parseInput(value: Json, path: string, passOver: PassOver): Conversation {
  if (typeof value === 'string' || value instanceof LongString)
    return converse([value], path, () => saidBy('user', parseContent(value, path, passOver)));
  if (!Array.isArray(value) || value.length === 0) throw invalidValue(path, EXAMPLE);
  return converse(value, path, (index) => {
    const at = `${path}[${index}]`;
    return parseItem(readObject(value[index]!, at), at, passOver);
  });
}

type Reader = (item: JsonObject, path: string, passOver: PassOver) => Said;

const SILENT: Said = { speaker: 'user', parts: [] };

/** What a function gave back is told to the model like anything else its user tells it. */
const parseOutput: Reader = ({ output = null }, path, passOver) =>
  saidBy('user', parseContent(output, `${path}.output`, passOver));

const ITEMS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['message', parseMessage],
  ['image_generation_call', parseCall],
  ['function_call_output', parseOutput],
  ['custom_tool_call_output', parseOutput],
  // What a model thought before is no part of the conversation, and the vendor's signatures of it are kept here.
  ['reasoning', () => SILENT],
  ['item_reference', refuseReference],
]);

/** The model called something, or a server did: no model that draws reads of it. */
const CALL = /^(?:[a-z_]+_(?:call|output|tools|update|trigger)|mcp_[a-z_]+|compaction|program)$/;

function parseItem(item: JsonObject, path: string, passOver: PassOver): Said {
  const type = item.type == null ? 'message' : readString(item.type, `${path}.type`);
  const reader = ITEMS.get(type);
  if (reader !== undefined) return reader(item, path, passOver);
  if (!CALL.test(type)) throw invalidValue(`${path}.type`, ALLOWED);
  passOver(path);
  return SILENT;
}

function parseMessage(item: JsonObject, path: string, passOver: PassOver): Said {
  const speaker = SPEAKERS[readOneOf(item.role ?? null, `${path}.role`, ROLES)];
  if (item.content == null) throw missingField(`${path}.content`, 'a string or a list of content parts');
  for (const [name, field] of Object.entries(item))
    if (field !== null && !OF_MESSAGES.has(name)) passOver(`${path}.${name}`);
  return saidBy(speaker, parseContent(item.content, `${path}.content`, passOver));
}

/** A picture of an earlier answer: base64, as it was sent. */
function parseCall({ result = null, status = null }: JsonObject, path: string): Said {
  const at = `${path}.result`;
  if (result === null && status === 'failed') return SILENT;
  if (result === null)
    throw missingField(
      at,
      'the picture itself, as the base64 that it came in: none is kept here to be found by its id',
    );
  return saidBy('model', [{ part: readBase64(result, at), path: at }]);
}

function refuseReference(_item: JsonObject, path: string): never {
  throw unsupportedField(
    path,
    'no items are kept here to be referred to; send the item itself. The AI SDK refers to none with store: false.',
    'unsupported_value',
  );
}
