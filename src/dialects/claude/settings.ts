import { checkOnePicture } from '../../image/conversation.ts';
import { readInteger, readObject, readOneOf, readString, unsupportedField } from '../../image/fields.ts';
import type { Places } from '../../image/native/config.ts';
import { gatherLimit, readStops } from '../../image/native/limit.ts';
import { gatherServiceTier } from '../../image/native/service-tier.ts';
import { give, take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { mergeThinking } from '../../image/native/thinking.ts';
import { isFilled, warnUnhonoured } from '../../image/native/unhonoured.ts';
import type { Unhonoured } from '../../image/native/unhonoured.ts';
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
  // What is bought is always standard.
  gatherServiceTier(own, places, ['auto', 'standard_only']);
  const place = take(own, 'inference_geo', readString);
  if (place !== null && place.value !== 'global')
    throw unsupportedField(
      place.path,
      'where a picture is drawn is up to its vendor; leave it out.',
      'unsupported_value',
    );
  // It is about the price of Claude's own input, and there is none of it here.
  take(own, 'cache_control', (value) => value);
  checkOnePicture(own, 'message');
  warnUnhonoured(own, warnings, UNKNOWN_TO_GEMINI);
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

const NOBODY_KNOWS = 'no model that draws knows it.';

const UNKNOWN_TO_GEMINI: readonly Unhonoured<OwnName>[] = [
  ['speed', (value) => value !== 'standard', NOBODY_KNOWS],
  ['container', isFilled, NOBODY_KNOWS],
  ['context_management', isFilled, NOBODY_KNOWS],
  ['mcp_servers', isFilled, NOBODY_KNOWS],
  ['diagnostics', isFilled, NOBODY_KNOWS],
  ['user_profile_id', isFilled, NOBODY_KNOWS],
  ['workspace_id', isFilled, NOBODY_KNOWS],
];
