import type { JsonObject } from '../../wire/json.ts';
import { conflictingFields, readObject } from '../fields.ts';
import type { Places } from './config.ts';
import { give, take } from './spelling.ts';

/** Puts what another vendor's words ask of the model's thinking beside its own `thinking_config`, which may say more and nothing else. */
export function mergeThinking(places: Places, wish: JsonObject, path: string): void {
  const before = take(places.generationConfig, 'thinkingConfig', readObject);
  for (const [name, value] of Object.entries(wish)) {
    const other = before?.value[name];
    if (before !== null && other !== undefined && other !== value) throw conflictingFields(before.path, path);
  }
  const value = { ...before?.value, ...wish };
  if (Object.keys(value).length > 0)
    give(places.generationConfig, 'thinkingConfig', { value, path: before?.path ?? path });
}
