import type { Conversation } from '../../image/conversation.ts';
import { readList, readObject, readOneOf, readString, unsupportedField } from '../../image/fields.ts';
import type { Places } from '../../image/native/config.ts';
import { gatherFields } from '../../image/native/extras.ts';
import { give, take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { isObject } from '../../wire/json.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { demandsCall, isSearch, NOTHING, placeTools, readTool, readTools } from '../openai-tools.ts';
import type { Asked } from '../openai-tools.ts';
import { OF_PICTURES, TOOL } from './fields.ts';

// https://platform.openai.com/docs/guides/tools-image-generation

const DRAWS = 'image_generation';

/**
 * Puts search where Gemini has it, and gives back what is said of the picture: by the tool that draws, and at the top. That
 * tool need not be named, for every answer here is a picture.
 */
export function gatherTools(own: Fields, places: Places): Fields {
  const picture: Fields = new Map();
  for (const name of [...OF_PICTURES, 'n']) for (const given of own.get(name) ?? []) give(picture, name, given);
  moveWords(own, picture);
  const types: string[] = [];
  const read = (tool: JsonObject, path: string): Asked => {
    const { type = null, ...fields } = tool;
    if (typeof type === 'string') types.push(type);
    if (type !== DRAWS) return readTool(tool, path);
    gatherFields({ own: picture, places }, fields, TOOL, `${path}.`);
    return NOTHING;
  };
  const tools = take(own, 'tools', (value, path) => readTools(value, path, read));
  const choice = take(own, 'tool_choice', readChoice);
  const asked = tools?.value ?? NOTHING;
  const searches = asked.search || asked.native.length > 0;
  if (choice !== null) checkChoice(choice.value, { draws: types.includes(DRAWS), searches }, choice.path);
  const { allowed = null } = choice?.value ?? {};
  const uses = allowed === null || allowed.some((type) => isSearch(type));
  placeTools(asked, tools?.path ?? 'tools', uses, places);
  return picture;
}

/** Words at the top that are the tool's: OpenAI has others of these names there, which are no words. */
function moveWords(own: Fields, picture: Fields): void {
  for (const name of ['moderation', 'background']) {
    const given = own.get(name) ?? [];
    for (const one of given) if (typeof one.value === 'string') give(picture, name, one);
    const others = given.filter(({ value }) => typeof value !== 'string');
    if (others.length > 0) own.set(name, others);
    else own.delete(name);
  }
}

interface Choice {
  /** Types of tools that may be used; null: all. */
  readonly allowed: readonly string[] | null;
  /** Types of which one must be used; null: whichever; absent: none need be. */
  readonly demanded?: readonly string[] | null;
}

function readChoice(value: Json, path: string): Choice {
  if (!isObject(value)) {
    const word = readOneOf(value, path, ['auto', 'none', 'required']);
    if (word === 'required') return { allowed: null, demanded: null };
    return { allowed: word === 'none' ? [] : null };
  }
  const type = readString(value.type ?? null, `${path}.type`);
  if (type !== 'allowed_tools') return { allowed: null, demanded: [type] };
  const mode = readOneOf(value.mode ?? 'auto', `${path}.mode`, ['auto', 'required']);
  const allowed = readList(value.tools ?? []).map((tool, index) => {
    const at = `${path}.tools[${index}]`;
    return readString(readObject(tool, at).type ?? null, `${at}.type`);
  });
  return { allowed, ...(mode === 'required' && { demanded: allowed }) };
}

/** Whoever demands a call waits for it in vain, and whoever forbids to draw would pay for a picture. */
function checkChoice({ allowed, demanded }: Choice, offered: Offered, path: string): void {
  const isMet = (type: string): boolean => type === DRAWS || (isSearch(type) && offered.searches);
  const isInVain = demanded === null ? !offered.draws && !offered.searches : demanded?.some(isMet) === false;
  if (isInVain) throw demandsCall(path, `auto, or {"type":"${DRAWS}"}`);
  if (allowed !== null && !allowed.includes(DRAWS) && offered.draws)
    throw unsupportedField(
      path,
      `every answer here is a picture; send auto, or {"type":"${DRAWS}"}.`,
      'unsupported_value',
    );
}

/** What of the tools can be used. */
interface Offered {
  readonly draws: boolean;
  readonly searches: boolean;
}

/** `action`: whether the model edits or draws anew is its own to decide; what it cannot do is refused. */
export function checkAction(tool: Fields, { turns }: Conversation, warnings: string[]): void {
  const action = take(tool, 'action', (value, path) => readOneOf(value, path, ['generate', 'edit', 'auto']));
  const sees = turns.some(({ parts }) => parts.some(({ kind }) => kind === 'picture'));
  if (action?.value === 'edit' && !sees)
    throw unsupportedField(
      action.path,
      'there is no picture to edit in input; send one, or generate.',
      'unsupported_value',
    );
  if (action?.value === 'generate' && sees)
    warnings.push(`${action.path} is not honoured: the model sees the pictures in input, and may go on from them.`);
}
