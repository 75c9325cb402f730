import { readBoolean, readInteger, readObject } from '../../image/fields.ts';
import type { Places } from '../../image/native/config.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { mergeThinking } from '../../image/native/thinking.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { levelOf, readEffort, warnOfEffort } from '../openai-effort.ts';
import type { Effort } from '../openai-effort.ts';

// `reasoning_effort` of OpenAI (https://platform.openai.com/docs/api-reference/chat/create), `reasoning` of OpenRouter
// (https://openrouter.ai/docs/use-cases/reasoning-tokens).

interface Wish {
  readonly effort: { readonly value: Effort; readonly path: string } | null;
  readonly config: JsonObject;
}

/** Puts what is asked for where Gemini has it. What its own `thinking_config` says as well must be the same. */
export function gatherThinking(own: Fields, places: Places): void {
  const effort = take(own, 'reasoning_effort', readEffort);
  const reasoning = take(own, 'reasoning', (value, path) => readReasoning(value, path, places.warnings));
  const shown = take(own, 'include_reasoning', readBoolean);
  for (const one of [effort, reasoning?.value.effort ?? null]) warnOfEffort(one, places.warnings);
  if (shown !== null) mergeThinking(places, { includeThoughts: shown.value }, shown.path);
  if (effort !== null) mergeThinking(places, levelOf(effort.value), effort.path);
  if (reasoning !== null) mergeThinking(places, reasoning.value.config, reasoning.path);
}

/** Who asks for reasoning wants to see it, unless it says otherwise. */
function readReasoning(value: Json, path: string, warnings: string[]): Wish {
  const reasoning = readObject(value, path);
  const { effort = null, max_tokens: budget = null, exclude = null, enabled = null, ...others } = reasoning;
  if (Object.values(others).some((field) => field !== null))
    warnings.push(`Of ${path} only effort, max_tokens, exclude and enabled are read.`);
  const isOn = enabled === null || readBoolean(enabled, `${path}.enabled`);
  const isHidden = exclude !== null && readBoolean(exclude, `${path}.exclude`);
  const level = effort === null ? null : { value: readEffort(effort, `${path}.effort`), path: `${path}.effort` };
  const tokens = budget === null ? null : readInteger(budget, `${path}.max_tokens`, { min: 0, max: 32_768 });
  return {
    effort: level,
    config: {
      ...(level !== null && levelOf(level.value)),
      ...(tokens !== null && { thinkingBudget: tokens }),
      ...(isOn && !isHidden && { includeThoughts: true }),
    },
  };
}
