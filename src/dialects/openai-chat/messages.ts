import { converse, saidBy } from '../../image/conversation.ts';
import type { Conversation, PassOver, Said } from '../../image/conversation.ts';
import { invalidValue, readObject, readOneOf } from '../../image/fields.ts';
import type { Turn } from '../../image/request.ts';
import type { Json } from '../../wire/json.ts';
import { parseContent, parseImages } from '../openai-content.ts';

// https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages

/** Results of functions are told by whoever called them. */
const SPEAKERS = {
  system: 'system',
  developer: 'system',
  user: 'user',
  tool: 'user',
  function: 'user',
  assistant: 'model',
} as const satisfies Record<string, Turn['role'] | 'system'>;
const ROLES = Object.keys(SPEAKERS) as (keyof typeof SPEAKERS)[];

/** What is read, and what this path wrote itself and clients send back with an answer. */
const KNOWN = new Set([
  'role',
  'content',
  'images',
  'refusal',
  'annotations',
  'grounding',
  'reasoning',
  'reasoning_content',
  'reasoning_details',
]);
/** What it is that a function's result is an answer to. */
const OF_RESULTS = new Set(['tool_call_id', 'name']);

/** Pictures of earlier answers become the model's own. */
export function parseMessages(value: Json, path: string, passOver: PassOver): Conversation {
  const expected = 'a list of messages, such as [{"role":"user","content":"a fox in snow"}]';
  if (!Array.isArray(value) || value.length === 0) throw invalidValue(path, expected);
  return converse(value, path, (index) => parseMessage(value[index]!, `${path}[${index}]`, passOver));
}

function parseMessage(value: Json, path: string, passOver: PassOver): Said {
  const message = readObject(value, path);
  const role = readOneOf(message.role ?? null, `${path}.role`, ROLES);
  const speaker = SPEAKERS[role];
  const content = parseContent(message.content ?? null, `${path}.content`, passOver);
  const said = [...content, ...parseImages(message.images ?? null, `${path}.images`, passOver)];
  if (content.length === 0) said.unshift(...parseContent(message.refusal ?? null, `${path}.refusal`, passOver));
  const isResult = role === 'tool' || role === 'function';
  for (const [name, field] of Object.entries(message)) {
    const isEmpty = field === null || (Array.isArray(field) && field.length === 0);
    if (!isEmpty && !KNOWN.has(name) && !(isResult && OF_RESULTS.has(name))) passOver(`${path}.${name}`);
  }
  return saidBy(speaker, said);
}
