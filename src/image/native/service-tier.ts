import { readString } from '../fields.ts';
import type { Places } from './config.ts';
import { give, take } from './spelling.ts';
import type { Fields } from './spelling.ts';

/** Another vendor's `service_tier`, where Gemini has its own. `usual`: its words for what is always bought. */
export function gatherServiceTier(own: Fields, places: Places, usual: readonly string[]): void {
  const tier = take(own, 'service_tier', readString);
  if (tier !== null && !usual.includes(tier.value)) give(places.request, 'serviceTier', tier);
}
