import { invalidValue, readObject, readOneOf, readString, unsupportedField } from '../../image/fields.ts';
import type { Places } from '../../image/native/config.ts';
import { REQUEST } from '../../image/native/names.ts';
import { canonical, give, known, take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import type { Json, JsonObject } from '../../wire/json.ts';

// Search is what a model that draws can use: Claude's `web_search_…` tools
// (https://docs.claude.com/en/docs/agents-and-tools/tool-use/web-search-tool), and Gemini's own among them.

const SEARCH_TYPE = /^web_search_\d{8}$/;
const SEARCH_NAME = 'web_search';
/** Of a search tool what says nothing of the search. */
const PLAIN = new Set(['type', 'name', 'cache_control', 'allowed_callers', 'defer_loading', 'strict']);
const MOST_TOOLS = 256;

interface Tool {
  /** In Gemini's spelling; null: a function, or what a server of Claude's does, which no model here is offered. */
  readonly native: JsonObject | null;
  /** Settings of a search that Google's has not. */
  readonly settings: readonly string[];
}

/**
 * Puts the tools asked for where Gemini has them. A function on offer need not be called, and agents send theirs with
 * every request: it is a warning. A choice that demands a call waits for one in vain: it is a 400.
 */
export function gatherTools(own: Fields, places: Places): void {
  const tools = take(own, 'tools', readTools);
  const choice = take(own, 'tool_choice', readChoice);
  const all = tools?.value ?? [];
  if (all.some(({ native }) => native === null))
    places.warnings.push('Tools other than search were not offered to the model: no model that draws calls any.');
  const settings = all.flatMap((tool) => tool.settings);
  if (settings.length > 0) places.warnings.push(`Google's search has no such setting: ${settings.join(', ')}.`);
  if (choice?.value === 'none' || tools === null) return;
  const native = all.flatMap((tool) => (tool.native === null ? [] : [tool.native]));
  if (native.length > 0) give(places.request, 'tools', { value: native, path: tools.path });
}

function readTools(value: Json, path: string): readonly Tool[] {
  if (!Array.isArray(value) || value.length > MOST_TOOLS)
    throw invalidValue(path, `a list of at most ${MOST_TOOLS} tools`);
  return value.map((item, index) => readTool(readObject(item, `${path}[${index}]`), `${path}[${index}]`));
}

function readTool(tool: JsonObject, path: string): Tool {
  const { type = null } = tool;
  if (type === null && Object.keys(tool).some((name) => known(REQUEST.tools, name) !== undefined))
    return { native: canonical(tool, REQUEST.tools, path) as JsonObject, settings: [] };
  if (type === null || !SEARCH_TYPE.test(readString(type, `${path}.type`))) return { native: null, settings: [] };
  for (const name of ['allowed_domains', 'blocked_domains']) {
    const domains = tool[name] ?? null;
    if (domains !== null && !(Array.isArray(domains) && domains.length === 0))
      throw unsupportedField(`${path}.${name}`, "Google's search cannot be kept to or from domains; leave it out.");
  }
  const isSetting = ([name, field]: [string, Json]): boolean =>
    !PLAIN.has(name) && !name.endsWith('_domains') && field !== null;
  const settings = Object.entries(tool).filter(isSetting);
  return { native: { googleSearch: {} }, settings: settings.map(([name]) => `${path}.${name}`) };
}

/** Whether it searches is the model's own decision: no vendor can be told to. */
function readChoice(value: Json, path: string): 'none' | 'auto' {
  const choice = readObject(value, path);
  const type = readOneOf(choice.type ?? null, `${path}.type`, ['auto', 'any', 'tool', 'none']);
  if (type === 'any' || (type === 'tool' && choice.name !== SEARCH_NAME))
    throw unsupportedField(path, 'no model that draws calls functions; send auto or none.', 'unsupported_value');
  return type === 'none' ? 'none' : 'auto';
}
