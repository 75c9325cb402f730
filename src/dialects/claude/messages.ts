import { converse, ledBy, passedOverWarnings, saidBy } from '../../image/conversation.ts';
import type { Conversation, PassOver, Said } from '../../image/conversation.ts';
import { invalidValue, missingField, readObject, readOneOf } from '../../image/fields.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
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
  const instructions = take(own, 'system', (value, path) => saidBy('system', parseContent(value, path, passOver)));
  const messages = take(own, 'messages', (value, path) => parseMessages(value, path, passOver));
  if (messages === null) throw missingField('messages', 'a list such as [{"role":"user","content":"a fox in snow"}]');
  warnings.push(...passedOverWarnings(passedOver));
  return ledBy(instructions?.value.parts ?? [], messages.value);
}

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
  return saidBy(speaker, parseContent(content, `${path}.content`, passOver));
}
