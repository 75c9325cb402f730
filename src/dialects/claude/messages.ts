import { converse } from '../../image/conversation.ts';
import type { PassOver, Placed, Said } from '../../image/conversation.ts';
import { invalidValue, missingField, readObject, readOneOf, unsupportedField } from '../../image/fields.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { listed } from '../../image/native/extras.ts';
import type { Json } from '../../wire/json.ts';
import { parseContent } from './blocks.ts';

// https://docs.claude.com/en/api/messages#body-messages

const SPEAKERS = {
  user: 'user',
  assistant: 'model',
  system: 'system',
} as const satisfies Record<string, Said['speaker']>;
const ROLES = Object.keys(SPEAKERS) as (keyof typeof SPEAKERS)[];

/** What is read, and what this path wrote itself and clients send back with an answer. */
const KNOWN = new Set([
  'role',
  'content',
  'cache_control',
  'id',
  'type',
  'model',
  'stop_reason',
  'stop_sequence',
  'stop_details',
  'container',
  'diagnostics',
  'usage',
  'grounding',
]);

/** `system` and `messages`. Pictures of earlier answers become the model's own. */
export function readConversation(own: Fields, warnings: string[]): Conversation {
  const passedOver: string[] = [];
  const passOver: PassOver = (path) => passedOver.push(path);
  const instructions = take(own, 'system', (value, path) => parseInstructions(value, path, passOver))?.value ?? [];
  const messages = take(own, 'messages', (value, path) => parseMessages(value, path, passOver));
  if (messages === null) throw missingField('messages', 'a list such as [{"role":"user","content":"a fox in snow"}]');
  if (passedOver.length > 0) warnings.push(`Not passed on to the model: ${listed([...new Set(passedOver)])}.`);
  const { system, ...conversation } = messages.value;
  const parts = [...instructions.map(({ part }) => part), ...(system?.parts ?? [])];
  return { ...conversation, system: parts.length === 0 ? null : { role: 'user', parts, more: {} } };
}

type Conversation = ReturnType<typeof converse>;

function parseMessages(value: Json, path: string, passOver: PassOver): Conversation {
  const expected = 'a list of messages, such as [{"role":"user","content":"a fox in snow"}]';
  if (!Array.isArray(value) || value.length === 0) throw invalidValue(path, expected);
  return converse(value, path, (index) => parseMessage(value[index]!, `${path}[${index}]`, passOver));
}

function parseMessage(value: Json, path: string, passOver: PassOver): Said {
  const message = readObject(value, path);
  const role = readOneOf(message.role ?? null, `${path}.role`, ROLES);
  const speaker = SPEAKERS[role];
  const content = message.content ?? null;
  if (content === null) throw missingField(`${path}.content`, 'a string or a list of content blocks');
  for (const [name, field] of Object.entries(message))
    if (field !== null && !KNOWN.has(name)) passOver(`${path}.${name}`);
  const parse = speaker === 'system' ? parseInstructions : parseContent;
  const said = parse(content, `${path}.content`, passOver);
  return { speaker, parts: said.map(({ part }) => part), paths: said.map((each) => each.path) };
}

function parseInstructions(value: Json, path: string, passOver: PassOver): readonly Placed[] {
  const said = parseContent(value, path, passOver);
  const picture = said.find(({ part }) => part.kind === 'picture');
  if (picture === undefined) return said;
  throw unsupportedField(
    picture.path,
    'instructions are text; send the picture in a message of the user.',
    'unsupported_value',
  );
}
