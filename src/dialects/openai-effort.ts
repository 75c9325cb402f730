import { readOneOf } from '../image/fields.ts';
import type { Json, JsonObject } from '../wire/json.ts';

// How hard a model is to think, as OpenAI says it: https://platform.openai.com/docs/guides/reasoning

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export type Effort = (typeof EFFORTS)[number];

/** Models that draw know the least, which is what they do unasked, and the most. */
const LEVELS = {
  none: null,
  minimal: null,
  low: null,
  medium: null,
  high: 'HIGH',
  xhigh: 'HIGH',
  max: 'HIGH',
} as const satisfies Record<Effort, string | null>;
const EXACT: readonly Effort[] = ['minimal', 'high'];

export function readEffort(value: Json, path: string): Effort {
  return readOneOf(value, path, EFFORTS);
}

/** In Gemini's words. */
export function levelOf(effort: Effort): JsonObject {
  const level = LEVELS[effort];
  return level === null ? {} : { thinkingLevel: level };
}

export function warnOfEffort(
  effort: { readonly value: Effort; readonly path: string } | null,
  warnings: string[],
): void {
  if (effort !== null && !EXACT.includes(effort.value))
    warnings.push(`${effort.path} ${effort.value} was taken for ${LEVELS[effort.value]?.toLowerCase() ?? 'minimal'}.`);
}
