import type { Flown } from '../draw.ts';
import { GatewayError } from '../errors.ts';
import type { GatewayParts } from '../gateway.ts';
import type { PicturePlan } from './plan.ts';

/**
 * What was drawn before and is past its time, for a picture that nobody can draw now; null: there is none that will do, or
 * the failure is none of the upstreams'. It is each caller's own to accept, whoever led the flight that failed.
 * https://www.rfc-editor.org/rfc/rfc5861#section-4
 */
export async function standIn(
  { entries, metrics }: Pick<GatewayParts, 'entries' | 'metrics'>,
  { draw, key, decision }: PicturePlan,
  error: unknown,
): Promise<Flown | null> {
  const { maxAgeSeconds, staleIfErrorSeconds: staleSeconds } = decision;
  if (staleSeconds <= 0 || !(error instanceof GatewayError) || error.detail.down === undefined) return null;
  const found = await entries.get(key, { maxAgeSeconds, staleSeconds });
  if (found === null) return null;
  const { drawn, ...hit } = found;
  if (hit.isStale) metrics.stoodIn(draw.model, error.failure);
  return { drawn, hit, stored: false, elsewhere: false, letGo: () => undefined };
}
