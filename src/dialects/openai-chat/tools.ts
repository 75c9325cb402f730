import { readList, readObject, readOneOf } from '../../image/fields.ts';
import type { Places } from '../../image/native/config.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { isObject } from '../../wire/json.ts';
import type { Json } from '../../wire/json.ts';
import { demandsCall, NOTHING, placeTools, readTools, searchWith, together } from '../openai-tools.ts';
import type { Asked } from '../openai-tools.ts';

// Besides `tools`, search is asked for by OpenAI's `web_search_options` (https://platform.openai.com/docs/guides/tools-web-search)
// and by OpenRouter's plugin (https://openrouter.ai/docs/features/web-search).

/** A choice that demands a call is a 400. */
export function gatherTools(own: Fields, places: Places): void {
  const tools = take(own, 'tools', (value, path) => readTools(value, path));
  const options = take(own, 'web_search_options', (value, path) => searchWith(readObject(value, path), path));
  const plugins = take(own, 'plugins', readPlugins);
  const functions = take(own, 'functions', readList)?.value.length ?? 0;
  take(own, 'parallel_tool_calls', (value) => value);
  const choices = [take(own, 'tool_choice', readChoice), take(own, 'function_call', readChoice)];

  const asked = [tools, options, plugins].flatMap((given) => (given === null ? [] : [given]));
  const all = together([...asked.map(({ value }) => value), { ...NOTHING, offers: functions }]);
  const uses = choices.every((choice) => choice?.value !== 'none');
  placeTools(all, asked[0]?.path ?? 'functions', uses, places);
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
  if (isObject(value) || value === 'required' || value === 'any') throw demandsCall(path, 'auto or none');
  return readOneOf(value, path, ['none', 'auto']);
}
