import { invalidValue } from './fields.ts';
import type { Part, Turn } from './request.ts';
import type { JsonObject } from '../wire/json.ts';

/** Where the names go of what is in a message and not passed on. */
export type PassOver = (path: string) => void;

/** One message of a conversation, as far as it is passed on. */
export interface Said {
  readonly speaker: Turn['role'] | 'system';
  readonly parts: readonly Part[];
}

/** A long conversation has some hundred; reading more takes time that others wait for. */
const MOST_PARTS = 4096;

/**
 * A conversation as Gemini has it: what the system says apart, wherever it stood, and turns that alternate. Messages
 * without content are left out. `path`: where the messages stood.
 */
export function converse(
  messages: readonly unknown[],
  path: string,
  say: (index: number) => Said,
): { readonly turns: readonly Turn[]; readonly system: Turn | null } {
  const tooMany = invalidValue(path, `shorter: all messages together have at most ${MOST_PARTS} parts`);
  if (messages.length > MOST_PARTS) throw tooMany;
  const instructions: Part[] = [];
  const turns: { readonly role: Turn['role']; readonly parts: Part[]; readonly more: JsonObject }[] = [];
  let count = 0;
  for (const index of messages.keys()) {
    const { speaker, parts } = say(index);
    count += parts.length;
    if (count > MOST_PARTS) throw tooMany;
    if (parts.length === 0) continue;
    const last = turns.at(-1);
    if (speaker === 'system') instructions.push(...parts);
    else if (last?.role === speaker) last.parts.push(...parts);
    else turns.push({ role: speaker, parts: [...parts], more: {} });
  }
  if (turns.length === 0)
    throw invalidValue(path, 'a conversation with something to draw: a message of the user with a text or a picture');
  return { turns, system: instructions.length === 0 ? null : { role: 'user', parts: instructions, more: {} } };
}

export function textPart(text: string): Part {
  return { kind: 'text', text, thought: false, signature: null, more: {} };
}
