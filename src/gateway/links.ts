import { GatewayError } from '../errors.ts';
import type { GatewayParts, Incoming, ServedPicture } from '../gateway.ts';
import { withWarnings } from '../image/delivery.ts';
import type { ImageRequest } from '../image/request.ts';
import type { Planned } from './plan.ts';

/** Before anything is drawn: throws `unavailable` where links were asked for and there is no room for them. */
export async function admitLinks(
  { links }: GatewayParts,
  { caller }: Incoming,
  { request, pictures }: Planned,
): Promise<void> {
  const isDrawn = pictures.some(({ hit }) => hit === null);
  if (request.delivery.link === 'asked' && isDrawn) await links.admit(caller.tenant.id);
}

interface Linked {
  readonly request: ImageRequest;
  readonly pictures: readonly ServedPicture[];
}

/**
 * The pictures with links to them, where these are wanted. Throws GatewayError where they were asked for and cannot be made;
 * where they are only the default the bytes go out, and the request has a warning that says why.
 */
export async function withLinks(parts: GatewayParts, incoming: Incoming, plain: Linked): Promise<Linked> {
  const { link } = plain.request.delivery;
  if (link === 'no' || incoming.wish !== null) return plain;
  const problem = parts.links.problemWith(incoming.directives);
  if (link === 'by_default' && problem !== null) return asBytes(plain, problem);
  try {
    return { ...plain, pictures: await linkAll(parts, incoming, plain.pictures) };
  } catch (error) {
    if (link === 'asked') throw error;
    if (!(error instanceof GatewayError)) parts.log.fault('links: one could not be made; its picture was sent', error);
    return asBytes(plain, 'no link could be kept for an hour');
  }
}

function asBytes({ request, pictures }: Linked, problem: string): Linked {
  return { pictures, request: withWarnings(request, [`The answer has b64_json and no url: ${problem}.`]) };
}

/** A link to each, one after the other: room for them is found once, and not raced for. */
async function linkAll(
  { links }: GatewayParts,
  { caller: { tenant } }: Incoming,
  pictures: readonly ServedPicture[],
): Promise<readonly ServedPicture[]> {
  const linked: ServedPicture[] = [];
  for (const each of pictures) {
    const url = await links.make(each.picture, { tenant: tenant.id, model: each.drawn.model });
    linked.push({ ...each, url });
  }
  return linked;
}
