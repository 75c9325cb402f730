import { readObject, readOneOf } from '../../image/fields.ts';
import type { Places } from '../../image/native/config.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { mergeThinking } from '../../image/native/thinking.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { levelOf, readEffort, warnOfEffort } from '../openai-effort.ts';

const SUMMARIES = ['auto', 'concise', 'detailed'] as const;

/** `reasoning`: how hard to think, and whether to tell of it. https://platform.openai.com/docs/guides/reasoning */
export function gatherThinking(own: Fields, places: Places): void {
  const reasoning = take(own, 'reasoning', (value, path) => readReasoning(value, path, places.warnings));
  if (reasoning !== null) mergeThinking(places, reasoning.value, reasoning.path);
}

function readReasoning(value: Json, path: string, warnings: string[]): JsonObject {
  const { effort = null, summary = null, generate_summary: old = null, ...others } = readObject(value, path);
  const level = effort === null ? null : { value: readEffort(effort, `${path}.effort`), path: `${path}.effort` };
  warnOfEffort(level, warnings);
  const shown = [summary, old].filter((each) => each !== null);
  for (const each of shown) readOneOf(each, `${path}.${each === summary ? 'summary' : 'generate_summary'}`, SUMMARIES);
  for (const [name, usual] of Object.entries({ context: 'auto', mode: 'standard' }))
    if (others[name] === usual) delete others[name];
  if (Object.values(others).some((field) => field !== null))
    warnings.push(`Of ${path} only effort and summary are read.`);
  return { ...(level !== null && levelOf(level.value)), ...(shown.length > 0 && { includeThoughts: true }) };
}
