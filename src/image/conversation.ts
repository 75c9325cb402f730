import { invalidValue, readInteger, unsupportedField } from './fields.ts';
import type { NativeConfig } from './native/config.ts';
import { listed } from './native/extras.ts';
import { take } from './native/spelling.ts';
import type { Fields } from './native/spelling.ts';
import type { ImageRequest, Modality, Part, Turn } from './request.ts';
import type { JsonObject } from '../wire/json.ts';

/** Where the names go of what is in a message and not passed on. */
export type PassOver = (path: string) => void;

export interface Placed {
  readonly part: Part;
  /** `messages[0].content[1]` */
  readonly path: string;
}

/** One message of a conversation, as far as it is passed on. */
export interface Said {
  readonly speaker: Turn['role'] | 'system';
  readonly parts: readonly Part[];
  /** Where each part stood; absent: nobody can tell. */
  readonly paths?: readonly string[];
}

/** Turns, and beside them what the system says. `places`: as those of the request. */
export interface Conversation extends Pick<ImageRequest, 'turns' | 'system'> {
  readonly places: ReadonlyMap<string, string>;
}

/** A long conversation has some hundred; reading more takes time that others wait for. */
const MOST_PARTS = 4096;

/**
 * A conversation as Gemini has it: what the system says apart, wherever it stood, and turns that alternate. Messages
 * without content are left out. `path`: where the messages stood.
 */
export function converse(messages: readonly unknown[], path: string, say: (index: number) => Said): Conversation {
  const tooMany = invalidValue(path, `shorter: all messages together have at most ${MOST_PARTS} parts`);
  if (messages.length > MOST_PARTS) throw tooMany;
  const instructions: Part[] = [];
  const turns: { readonly role: Turn['role']; readonly parts: Part[]; readonly more: JsonObject }[] = [];
  const places = new Map([['contents', path]]);
  let count = 0;
  for (const index of messages.keys()) {
    const { speaker, parts, paths = [] } = say(index);
    count += parts.length;
    if (count > MOST_PARTS) throw tooMany;
    if (parts.length === 0) continue;
    if (speaker === 'system') {
      instructions.push(...parts);
      continue;
    }
    if (turns.at(-1)?.role !== speaker) turns.push({ role: speaker, parts: [], more: {} });
    const turn = turns.at(-1)!;
    const at = `contents[${turns.length - 1}].parts`;
    for (const [offset, spelt] of paths.entries()) places.set(`${at}[${turn.parts.length + offset}]`, spelt);
    turn.parts.push(...parts);
  }
  if (turns.length === 0)
    throw invalidValue(path, 'a conversation with something to draw: a message of the user with a text or a picture');
  return { turns, system: systemOf(instructions), places };
}

/** The same with instructions that stood before it, in a field of their own. */
export function ledBy(instructions: readonly Part[], conversation: Conversation): Conversation {
  return { ...conversation, system: systemOf([...instructions, ...(conversation.system?.parts ?? [])]) };
}

function systemOf(instructions: readonly Part[]): Turn | null {
  return instructions.length === 0 ? null : { role: 'user', parts: instructions, more: {} };
}

/** One message, put together. Throws where a picture is among instructions: no model takes it there. */
export function saidBy(speaker: Said['speaker'], placed: readonly Placed[]): Said {
  const picture = placed.find(({ part }) => part.kind === 'picture');
  if (speaker === 'system' && picture !== undefined)
    throw unsupportedField(
      picture.path,
      'instructions are text; send the picture in a message of the user.',
      'unsupported_value',
    );
  return { speaker, parts: placed.map(({ part }) => part), paths: placed.map(({ path }) => path) };
}

/** One sentence for all that was in messages and is not passed on; none where that is nothing. */
export function passedOverWarnings(paths: readonly string[]): readonly string[] {
  return paths.length === 0 ? [] : [`Not passed on to the model: ${listed([...new Set(paths)])}.`];
}

export function textPart(text: string): Part {
  return { kind: 'text', text, thought: false, signature: null, more: {} };
}

/** What may come back in a conversation where nothing is said: words too. Throws where no picture may. */
export function modalitiesOf(asked: NativeConfig['modalities']): readonly Modality[] {
  if (asked === null) return ['IMAGE', 'TEXT'];
  if (asked.value.includes('IMAGE')) return asked.value;
  throw unsupportedField(
    asked.path,
    'every answer here is a picture; send ["image","text"] or ["image"].',
    'unsupported_value',
  );
}

/** `n`, where an answer holds one picture. `answer`: what the dialect calls one. */
export function checkOnePicture(own: Fields, answer: string): void {
  const count = take(own, 'n', (value, path) => readInteger(value, path, { min: 1, max: 10 }));
  if (count !== null && count.value > 1)
    throw unsupportedField(count.path, `one ${answer} holds one picture; send 1, or ask again.`, 'unsupported_value');
}

/** How a path is told what: its field for conversations, and what to do with a picture and a mask. */
export interface Takes {
  readonly field: 'messages' | 'input';
  readonly pictures: string;
  readonly masks: string;
}

/** Fields of other paths that would change the picture so much that leaving them out is no option. */
export function refusedOf({ field, pictures, masks }: Takes): ReadonlyMap<string, string> {
  const conversation = `this path takes ${field}: [{"role":"user","content":"…"}].`;
  const other = field === 'messages' ? 'input' : 'messages';
  return new Map([
    ['prompt', `${conversation} Send a prompt to /v1/images/generations.`],
    [other, conversation],
    ...['image', 'images', 'image_url', 'input_references', 'reference_images'].map(
      (name) => [name, pictures] as const,
    ),
    ...['mask', 'markup'].map((name) => [name, masks] as const),
    ...['contents', 'systemInstruction', 'system_instruction'].map(
      (name) => [name, `this path takes ${field}. Send contents to :generateContent.`] as const,
    ),
  ]);
}

export const NO_MASKS = 'this path knows no masks; say in a message what to change.';
