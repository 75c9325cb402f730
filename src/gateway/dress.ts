import type { GatewayParts, Incoming, ServedPicture } from '../gateway.ts';
import type { ImageRequest, PictureFormat } from '../image/request.ts';
import type { Landed } from './board.ts';

// What is done with a picture that has landed before it is handed over.

/** A landed picture in the format its caller wants. */
export async function dress(
  { renditions }: GatewayParts,
  landed: Landed,
  format: PictureFormat | null,
  { delivery }: ImageRequest,
): Promise<ServedPicture> {
  const { drawn } = landed.flown;
  const { compression, exact } = delivery;
  const masked = delivery.masked && { picture: delivery.masked.picture.data, mask: delivery.masked.mask.data };
  const wish = { format, compression, exact, masked, scope: landed.key.scope, ttlSeconds: keptFor(landed) };
  return { ...landed, drawn, picture: await renditions.of(drawn, wish) };
}

/** So that each is known again when it comes back. What `no-store` forbids to keep is not kept for that either. */
export async function recordSignatures(
  { signatures, upstreams, log }: GatewayParts,
  { caller: { tenant } }: Incoming,
  { delivery }: ImageRequest,
  pictures: readonly ServedPicture[],
): Promise<void> {
  // What was laid into the original is another picture than the vendor signed.
  if (delivery.masked !== null) return;
  for (const { drawn, picture, decision } of pictures) {
    const family = upstreams.get(drawn.upstream)?.family;
    if (family === undefined || decision.bypass === 'no-store') continue;
    try {
      await signatures.record(drawn, picture, { scope: tenant.cache.scope, family });
    } catch (error) {
      log.fault('signatures: those of a picture were not kept; sent back, it will be a reference', error);
    }
  }
}

/** Seconds: what is made of a picture is kept where that is, and no longer. */
function keptFor({ flown: { hit, stored }, decision }: Landed): number {
  if (!decision.store || (hit === null && !stored)) return 0;
  return hit?.ttlSeconds ?? decision.ttlSeconds;
}
