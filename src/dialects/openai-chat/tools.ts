import { invalidValue, readList, readObject, readOneOf, readString, unsupportedField } from '../../image/fields.ts';
import type { Places } from '../../image/native/config.ts';
import { REQUEST } from '../../image/native/names.ts';
import { canonical, give, known, take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { isObject } from '../../wire/json.ts';
import type { Json, JsonObject } from '../../wire/json.ts';

// Search is what a model that draws can use. How it is asked for: Gemini's own words, OpenAI's `web_search_options`
// (https://platform.openai.com/docs/guides/tools-web-search), OpenRouter's plugin (https://openrouter.ai/docs/features/web-search),
// a tool with a type, and a function named after Google's tool, by which clients that can only send functions ask for it.

const SEARCH_TYPE = /^(?:google_search|googleSearch|(?:openrouter:)?web_search(?:_preview)?(?:_\d{4}_\d{2}_\d{2})?)$/;
const SEARCH_FUNCTIONS = new Set(['googleSearch', 'google_search']);
const MOST_TOOLS = 256;

interface Asked {
  readonly search: boolean;
  readonly native: readonly JsonObject[];
  /** How many functions were offered. */
  readonly offers: number;
  /** Settings of a search that Google's has not. */
  readonly settings: readonly string[];
}

/**
 * Puts the tools asked for where Gemini has them. A function on offer need not be called, and agents and chat clients send
 * theirs with every request: it is a warning. A choice that demands a call waits for one in vain: it is a 400.
 */
export function gatherTools(own: Fields, places: Places): void {
  const tools = take(own, 'tools', readTools);
  const options = take(own, 'web_search_options', (value, path) => searchWith(readObject(value, path), path));
  const plugins = take(own, 'plugins', readPlugins);
  const functions = take(own, 'functions', readList)?.value.length ?? 0;
  take(own, 'parallel_tool_calls', (value) => value);
  const choices = [take(own, 'tool_choice', readChoice), take(own, 'function_call', readChoice)];

  const asked = [tools, options, plugins].flatMap((given) => (given === null ? [] : [given]));
  const offers = functions + asked.reduce((sum, { value }) => sum + value.offers, 0);
  if (offers > 0) places.warnings.push('Functions were not offered to the model: no model that draws calls any.');
  const settings = asked.flatMap(({ value }) => value.settings);
  if (settings.length > 0) places.warnings.push(`Google's search has no such setting: ${settings.join(', ')}.`);
  if (choices.some((choice) => choice?.value === 'none')) return;
  const native = asked.flatMap(({ value }) => value.native);
  const searches = native.some((tool) => tool.googleSearch !== undefined);
  const all = [...native, ...(!searches && asked.some(({ value }) => value.search) ? [{ googleSearch: {} }] : [])];
  if (all.length > 0) give(places.request, 'tools', { value: all, path: asked[0]!.path });
}

function readTools(value: Json, path: string): Asked {
  const items = readList(value);
  if (items.length > MOST_TOOLS) throw invalidValue(path, `a list of at most ${MOST_TOOLS} tools`);
  const each = items.map((item, index) => readTool(readObject(item, `${path}[${index}]`), `${path}[${index}]`));
  return {
    search: each.some(({ search }) => search),
    native: each.flatMap(({ native }) => native),
    offers: each.reduce((sum, { offers }) => sum + offers, 0),
    settings: each.flatMap(({ settings }) => settings),
  };
}

const NOTHING: Asked = { search: false, native: [], offers: 0, settings: [] };

function readTool(tool: JsonObject, path: string): Asked {
  const { type = null, ...rest } = tool;
  if (type === null) return { ...NOTHING, native: [canonicalTool(tool, path)] };
  const word = readString(type, `${path}.type`);
  const own = Object.entries(rest).filter(([name]) => known(REQUEST.tools, name) !== undefined);
  if (own.length > 0) {
    const others = Object.keys(rest).filter((name) => rest[name] !== null && !own.some(([one]) => one === name));
    const settings = others.map((name) => `${path}.${name}`);
    return { ...NOTHING, native: [canonicalTool(Object.fromEntries(own), path)], settings };
  }
  if (SEARCH_TYPE.test(word)) return searchWith(rest, path);
  const name = isObject(tool.function) ? tool.function.name : tool.name;
  return typeof name === 'string' && SEARCH_FUNCTIONS.has(name)
    ? { ...NOTHING, search: true }
    : { ...NOTHING, offers: 1 };
}

function canonicalTool(tool: JsonObject, path: string): JsonObject {
  return canonical(tool, REQUEST.tools, path) as JsonObject;
}

function searchWith(settings: JsonObject, path: string): Asked {
  const names = Object.keys(settings).filter((name) => settings[name] !== null);
  return { ...NOTHING, search: true, settings: names.map((name) => `${path}.${name}`) };
}

function readPlugins(value: Json, path: string): Asked {
  const settings: string[] = [];
  let search = false;
  for (const [index, item] of readList(value).entries()) {
    const { id = null, enabled = null, ...rest } = readObject(item, `${path}[${index}]`);
    if (enabled === false) continue;
    const names = id === 'web' ? Object.keys(rest) : ['id'];
    search ||= id === 'web';
    settings.push(...names.map((name) => `${path}[${index}].${name}`));
  }
  return { ...NOTHING, search, settings };
}

function readChoice(value: Json, path: string): 'none' | 'auto' {
  if (isObject(value) || value === 'required' || value === 'any')
    throw unsupportedField(path, 'no model that draws calls functions; send auto or none.', 'unsupported_value');
  return readOneOf(value, path, ['none', 'auto']);
}
