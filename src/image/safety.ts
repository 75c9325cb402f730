import type { JsonObject } from '../wire/json.ts';
import { unsupportedField } from './fields.ts';

// Gemini's adjustable filters: https://ai.google.dev/gemini-api/docs/safety-settings

/** From what lets all pass to what lets the least pass. */
const THRESHOLDS = ['OFF', 'BLOCK_NONE', 'BLOCK_ONLY_HIGH', 'BLOCK_MEDIUM_AND_ABOVE', 'BLOCK_LOW_AND_ABOVE'] as const;

/** Stricter than the vendor's default, which is OFF for all models that draw: what would be none is no floor. */
export const SAFETY_FLOORS = ['BLOCK_ONLY_HIGH', 'BLOCK_MEDIUM_AND_ABOVE', 'BLOCK_LOW_AND_ABOVE'] as const;

/** The laxest threshold a tenant's requests may set. */
export type SafetyFloor = (typeof SAFETY_FLOORS)[number];

/** Those that can be set for every model; others are deprecated, or another product's. */
const CATEGORIES = [
  'HARM_CATEGORY_HARASSMENT',
  'HARM_CATEGORY_HATE_SPEECH',
  'HARM_CATEGORY_SEXUALLY_EXPLICIT',
  'HARM_CATEGORY_DANGEROUS_CONTENT',
] as const;

/** As little filtering as the caller may have: what OpenAI's `moderation: low` asks for. */
export const LEAST_SAFETY: readonly JsonObject[] = CATEGORIES.map((category) => ({
  category,
  threshold: 'BLOCK_NONE',
}));

export interface FlooredSafety {
  readonly safety: readonly JsonObject[];
  readonly warnings: readonly string[];
}

/**
 * Safety settings under a tenant's floor. What the request leaves open gets the floor, and so does `LEAST_SAFETY`, with a
 * warning: it names no threshold. A threshold that is named and laxer is a 400: nobody is given another filter than the
 * one they asked for by name. `field`: how the caller's dialect spells `safetySettings`.
 */
export function underFloor(safety: readonly JsonObject[], floor: SafetyFloor | null, field: string): FlooredSafety {
  if (floor === null) return { safety, warnings: [] };
  const asked = safety === LEAST_SAFETY ? [] : safety;
  const set = asked.map((setting, index) => raise(setting, floor, `${field}[${index}]`));
  const named = new Set(set.map(({ category }) => category));
  const open = CATEGORIES.filter((category) => !named.has(category));
  const warnings =
    safety === LEAST_SAFETY ? [`moderation low is not honoured in full: this tenant's safety floor is ${floor}.`] : [];
  return { safety: [...set, ...open.map((category) => ({ category, threshold: floor }))], warnings };
}

function raise(setting: JsonObject, floor: SafetyFloor, path: string): JsonObject {
  const { category, threshold = null } = setting;
  // The vendor reads numbers for both; here only names can be told from one another.
  if (typeof category !== 'string') throw unsupportedField(`${path}.category`, nameIt(floor), 'unsupported_value');
  if (threshold === null || threshold === 'HARM_BLOCK_THRESHOLD_UNSPECIFIED') return { ...setting, threshold: floor };
  const rank = THRESHOLDS.findIndex((one) => one === threshold);
  if (rank >= THRESHOLDS.indexOf(floor)) return setting;
  const about = /^HARM_CATEGORY_[A-Z_]{1,40}$/.test(category) ? category : 'this category';
  const sentence = `${about} has a floor for this tenant. Allowed: ${allowed(floor)}, or leave it out to get ${floor}.`;
  throw unsupportedField(`${path}.threshold`, sentence, 'safety_floor');
}

function nameIt(floor: SafetyFloor): string {
  return `this tenant has a safety floor, so every setting must name its category, such as ${CATEGORIES[0]}, with ${allowed(floor)}.`;
}

function allowed(floor: SafetyFloor): string {
  return THRESHOLDS.slice(THRESHOLDS.indexOf(floor)).join(', ');
}
