import { createHash } from 'node:crypto';
import { GatewayError } from '../errors.ts';

interface Way {
  readonly baseUrl: string;
  readonly keys: readonly string[];
}

/**
 * What a gateway calls itself in the Via header of its calls: https://www.rfc-editor.org/rfc/rfc9110#field.via
 * It is made of where it sends and with which keys, so instances of one configuration have one name, and a call that
 * comes back to any of them is known again without being told who it was for.
 */
export function viaName(upstreams: readonly Way[]): string {
  const ways = upstreams.map(({ baseUrl, keys }) => [baseUrl, ...keys]);
  return `plantain-${createHash('sha256').update(JSON.stringify(ways)).digest('hex').slice(0, 16)}`;
}

/** Throws GatewayError for a call of this gateway's own: drawn again, it would go round until nothing more may be in the air. */
export function refuseOwn(via: string | undefined, name: string): void {
  if (via === undefined || !via.split(',').some((hop) => hop.trim().split(/[ \t]+/)[1] === name)) return;
  const message =
    'This call was made by this very gateway: one of its upstreams leads back to it. Tell its operator to look at the baseUrl of each.';
  throw new GatewayError('unavailable', message, { status: 508, code: 'request_loop', retry: false });
}
