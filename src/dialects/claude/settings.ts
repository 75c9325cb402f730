import { readInteger, readObject, readOneOf, readString, unsupportedField } from '../../image/fields.ts';
import type { Places } from '../../image/native/config.ts';
import { gatherLimit, readStops } from '../../image/native/limit.ts';
import { give, take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { mergeThinking } from '../../image/native/thinking.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import type { OwnName } from './fields.ts';

// Settings of Claude's that Gemini has under another name, or has not: https://docs.claude.com/en/api/messages

const INT32_MAX = 2_147_483_647;
/** Claude's least. */
const LEAST_BUDGET = 1024;

/** Puts what Gemini has where it has it, and warns of what it has not. */
export function gatherSettings(own: Fields, places: Places): void {
  const { warnings } = places;
  // Claude draws nothing at 0, and fills its cache: whoever asks for that must not pay for a picture.
  const limit = take(own, 'max_tokens', (value, path) => readInteger(value, path, { min: 1, max: INT32_MAX }));
  if (limit !== null) gatherLimit(limit, places);
  const stops = take(own, 'stop_sequences', readStops);
  if (stops !== null && stops.value.length > 0)
    give(places.generationConfig, 'stopSequences', { value: [...stops.value], path: stops.path });
  const thinking = take(own, 'thinking', (value, path) => readThinking(value, path, warnings));
  if (thinking !== null) mergeThinking(places, thinking.value, thinking.path);
  take(own, 'output_config', (value, path) => readOutput(value, path, warnings));
  const tier = take(own, 'service_tier', readString);
  // What is bought is always standard.
  if (tier !== null && tier.value !== 'auto' && tier.value !== 'standard_only')
    give(places.request, 'serviceTier', tier);
  const place = take(own, 'inference_geo', readString);
  if (place !== null && place.value !== 'global')
    throw unsupportedField(
      place.path,
      'where a picture is drawn is up to its vendor; leave it out.',
      'unsupported_value',
    );
  // It is about the price of Claude's own input, and there is none of it here.
  take(own, 'cache_control', (value) => value);
  const count = take(own, 'n', (value, path) => readInteger(value, path, { min: 1, max: 10 }));
  if (count !== null && count.value > 1)
    throw unsupportedField(count.path, 'one message holds one picture; send 1, or ask again.', 'unsupported_value');
  for (const [name, says] of UNKNOWN_TO_GEMINI) {
    const given = take(own, name, (value) => value);
    if (given !== null && says(given.value))
      warnings.push(`${given.path} is not honoured: no model that draws knows it.`);
  }
}

/** The end user, for the ledger. */
export function readUser(own: Fields, warnings: string[]): string | null {
  const metadata = take(own, 'metadata', readObject);
  if (metadata === null) return null;
  const { user_id: user = null, ...others } = metadata.value;
  if (isFilled(others)) warnings.push(`Of ${metadata.path} only user_id is kept.`);
  const name = user === null ? '' : readString(user, `${metadata.path}.user_id`);
  return name === '' ? null : name;
}

/** Who asks for thinking wants to see it, unless it says otherwise. https://docs.claude.com/en/docs/build-with-claude/extended-thinking */
function readThinking(value: Json, path: string, warnings: string[]): JsonObject {
  const { type = null, budget_tokens: budget = null, display = null, ...others } = readObject(value, path);
  if (isFilled(others)) warnings.push(`Of ${path} only type, budget_tokens and display are read.`);
  const word = readOneOf(type, `${path}.type`, ['enabled', 'adaptive', 'disabled', 'between_tools']);
  if (word === 'disabled' || word === 'between_tools') {
    warnings.push(
      `${path} cannot be switched off: models that draw think as little as they can unless they are asked to.`,
    );
    return {};
  }
  const isShown = display === null || readOneOf(display, `${path}.display`, ['summarized', 'omitted']) === 'summarized';
  const tokens =
    word === 'enabled' ? readInteger(budget, `${path}.budget_tokens`, { min: LEAST_BUDGET, max: INT32_MAX }) : null;
  return { ...(tokens !== null && { thinkingBudget: tokens }), ...(isShown && { includeThoughts: true }) };
}

/** https://docs.claude.com/en/docs/build-with-claude/effort */
function readOutput(value: Json, path: string, warnings: string[]): null {
  const { effort = null, format = null, ...others } = readObject(value, path);
  if (format !== null)
    throw unsupportedField(`${path}.format`, 'a picture has no schema; leave it out.', 'unsupported_value');
  const level = effort === null ? null : readOneOf(effort, `${path}.effort`, ['low', 'medium', 'high', 'xhigh', 'max']);
  // The least is what every model here does unasked.
  if (level !== null && level !== 'low')
    warnings.push(`${path}.effort is not honoured: send thinking_config with the thinking_level that the model has.`);
  if (isFilled(others)) warnings.push(`Of ${path} only effort and format are read.`);
  return null;
}

function isFilled(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return value !== null;
  return Object.values(value).some((field) => field !== null);
}

/** When each asks for something. */
const UNKNOWN_TO_GEMINI: readonly (readonly [OwnName, (value: Json) => boolean])[] = [
  ['speed', (value) => value !== 'standard'],
  ['container', isFilled],
  ['context_management', isFilled],
  ['mcp_servers', isFilled],
  ['diagnostics', isFilled],
  ['user_profile_id', isFilled],
  ['workspace_id', isFilled],
];
