import { invalidValue, unsupportedField } from './fields.ts';
import type { NativeConfig } from './native/config.ts';
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

/** A long conversation has some hundred; reading more takes time that others wait for. */
const MOST_PARTS = 4096;

/**
 * A conversation as Gemini has it: what the system says apart, wherever it stood, and turns that alternate. Messages
 * without content are left out. `path`: where the messages stood. `places`: as those of the request.
 */
export function converse(
  messages: readonly unknown[],
  path: string,
  say: (index: number) => Said,
): Pick<ImageRequest, 'turns' | 'system'> & { readonly places: ReadonlyMap<string, string> } {
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
  return { turns, system: instructions.length === 0 ? null : { role: 'user', parts: instructions, more: {} }, places };
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

/** Fields of other paths that would change the picture so much that leaving them out is no option. `inMessages`: how a picture is sent here. */
export function refusedOf(inMessages: string): ReadonlyMap<string, string> {
  return new Map([
    ['prompt', 'this path takes messages: [{"role":"user","content":"…"}]. Send a prompt to /v1/images/generations.'],
    ['input', 'this path takes messages: [{"role":"user","content":"…"}].'],
    ...['image', 'images', 'image_url', 'input_references', 'reference_images'].map(
      (name) => [name, inMessages] as const,
    ),
    ...['mask', 'markup'].map((name) => [name, 'this path knows no masks; say in a message what to change.'] as const),
    ...['contents', 'systemInstruction', 'system_instruction'].map(
      (name) => [name, 'this path takes messages. Send contents to :generateContent.'] as const,
    ),
  ]);
}
