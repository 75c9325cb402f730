import { invalidValue, readList, readObject, readString, unsupportedField } from '../image/fields.ts';
import type { Places } from '../image/native/config.ts';
import { REQUEST } from '../image/native/names.ts';
import { canonical, give, known } from '../image/native/spelling.ts';
import { isObject } from '../wire/json.ts';
import type { Json, JsonObject } from '../wire/json.ts';

// Search is what a model that draws can use. How it is asked for: Gemini's own words, a tool with a type
// (https://platform.openai.com/docs/guides/tools-web-search), and a function named after Google's tool, by which clients
// that can only send functions ask for it.

const SEARCH_TYPE = /^(?:google_search|googleSearch|(?:openrouter:)?web_search(?:_preview)?(?:_\d{4}_\d{2}_\d{2})?)$/;
const SEARCH_FUNCTIONS = new Set(['googleSearch', 'google_search']);
const MOST_TOOLS = 256;

export interface Asked {
  readonly search: boolean;
  readonly native: readonly JsonObject[];
  /** How many functions were offered. */
  readonly offers: number;
  /** Settings of a search that Google's has not. */
  readonly settings: readonly string[];
}

export const NOTHING: Asked = { search: false, native: [], offers: 0, settings: [] };

/** `read`: what a tool of the list comes to. */
export function readTools(value: Json, path: string, read = readTool): Asked {
  const items = readList(value);
  if (items.length > MOST_TOOLS) throw invalidValue(path, `a list of at most ${MOST_TOOLS} tools`);
  return together(items.map((item, index) => read(readObject(item, `${path}[${index}]`), `${path}[${index}]`)));
}

export function together(each: readonly Asked[]): Asked {
  return {
    search: each.some(({ search }) => search),
    native: each.flatMap(({ native }) => native),
    offers: each.reduce((sum, { offers }) => sum + offers, 0),
    settings: each.flatMap(({ settings }) => settings),
  };
}

/**
 * Puts what was asked for where Gemini has it. A function on offer need not be called, and agents and chat clients send
 * theirs with every request: it is a warning. `uses`: whether the model may use any of it.
 */
export function placeTools({ search, native, offers, settings }: Asked, path: string, uses: boolean, places: Places) {
  if (offers > 0) places.warnings.push('Functions were not offered to the model: no model that draws calls any.');
  if (settings.length > 0) places.warnings.push(`Google's search has no such setting: ${settings.join(', ')}.`);
  const searches = native.some((tool) => tool.googleSearch !== undefined);
  const all = [...native, ...(!searches && search ? [{ googleSearch: {} }] : [])];
  if (uses && all.length > 0) give(places.request, 'tools', { value: all, path });
}

export function readTool(tool: JsonObject, path: string): Asked {
  const { type = null, ...rest } = tool;
  if (type === null) return { ...NOTHING, native: [canonicalTool(tool, path)] };
  const word = readString(type, `${path}.type`);
  const own = Object.entries(rest).filter(([name]) => known(REQUEST.tools, name) !== undefined);
  if (own.length > 0) {
    const others = Object.keys(rest).filter((name) => rest[name] !== null && !own.some(([one]) => one === name));
    const settings = others.map((name) => `${path}.${name}`);
    return { ...NOTHING, native: [canonicalTool(Object.fromEntries(own), path)], settings };
  }
  if (isSearch(word)) return searchWith(rest, path);
  const name = isObject(tool.function) ? tool.function.name : tool.name;
  return typeof name === 'string' && SEARCH_FUNCTIONS.has(name)
    ? { ...NOTHING, search: true }
    : { ...NOTHING, offers: 1 };
}

/** Whether a tool of that type is a search. */
export function isSearch(type: string): boolean {
  return SEARCH_TYPE.test(type);
}

function canonicalTool(tool: JsonObject, path: string): JsonObject {
  return canonical(tool, REQUEST.tools, path) as JsonObject;
}

export function searchWith(settings: JsonObject, path: string): Asked {
  const names = Object.keys(settings).filter((name) => settings[name] !== null);
  return { ...NOTHING, search: true, settings: names.map((name) => `${path}.${name}`) };
}

/** A choice that demands a call waits for one in vain. `instead`: what to send. */
export function demandsCall(path: string, instead: string) {
  return unsupportedField(path, `no model that draws calls functions; send ${instead}.`, 'unsupported_value');
}
