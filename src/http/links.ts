import type { FastifyInstance } from 'fastify';
import { LINKED_PATH } from '../cache/links.ts';
import { GatewayError } from '../errors.ts';
import type { Picture } from '../image/answer.ts';
import { MIME_TYPES } from '../image/picture.ts';
import { decodedLength, decodePieces } from '../wire/base64.ts';
import { acquireOrRefuse } from './byte-budget.ts';
import type { ByteBudget, Room } from './byte-budget.ts';
import { splitUrl } from './paths.ts';
import { partFor } from './part.ts';
import type { Reply } from './reply.ts';
import type { Mount, Request, RouteParts } from './routes.ts';
import { sharedRooms } from './shared-rooms.ts';
import type { Handler, HandlerOver } from './server.ts';

/** The widths a linked picture can be had in, beside its own: a closed set, so that nobody has a thousand of them made. */
export const WIDTHS = [128, 256, 512, 1024] as const;
/** For pictures that are smaller than what was drawn: nobody looks for its last grain in them. */
const QUALITY = 85;
/** As much as the largest picture there is, as base64: what is read may not be known before. */
const MOST_BYTES = 32 << 20;

/** `GET` and `HEAD /v1/images/files/{id}`: a picture by its signed link, which is all the caller has to show. */
export function registerLinks(app: FastifyInstance, mount: Mount): void {
  // Counted once, whatever configuration each of its readers began under.
  const share = sharedRooms();
  const make: HandlerOver = (parts) => linkHandler(parts, share);
  app.route({ method: ['GET', 'HEAD'], url: `${LINKED_PATH}/*`, handler: mount(`${LINKED_PATH}/{id}`, null, make) });
}

function linkHandler(
  { gateway, requestLimits, linkBudget }: RouteParts,
  share: ReturnType<typeof sharedRooms>,
): Handler {
  return async (request, facts, source) => {
    try {
      requestLimits.visit(request);
    } catch (error) {
      gateway.metrics.link('limited');
      throw error;
    }
    const query = new URLSearchParams(splitUrl(request.url).query);
    const room = await roomFor(linkBudget, source.gone);
    try {
      const id = (request.params as { readonly '*'?: string })['*'] ?? '';
      const asked = { id, expires: only(query, 'expires'), signature: only(query, 'signature') };
      const { picture: whole, digest, scope, model, expiresAt } = await gateway.links.open(asked);
      const width = readWidth(query);
      const restSeconds = Math.max(0, Math.floor((expiresAt - gateway.now()) / 1000));
      const wish = { format: null, compression: QUALITY, scope, ttlSeconds: restSeconds };
      const picture =
        width === null ? whole : await gateway.renditions.of({ picture: whole, model }, { ...wish, width });
      if (picture !== whole) await gateway.signatures.recordMade({ scope, model }, digest, picture);
      // The same transformation of the same bytes: nothing needs to be read to tell that.
      const etag = `"${digest}${picture === whole ? '' : `-w${width}`}"`;
      const reply = replyWith(picture, { request, requestId: facts.requestId, id, etag, restSeconds });
      facts.outcome = 'cached';
      facts.size = `${picture.info.width}x${picture.info.height}`;
      gateway.metrics.link(reply.status === 304 ? 'not_modified' : 'served');
      return { reply, delivered: share(picture.data, room) };
    } catch (error) {
      room.keep(0);
      throw requestLimits.refuse(request, error);
    }
  };
}

interface Asked {
  readonly request: Request;
  readonly requestId: string;
  readonly id: string;
  readonly etag: string;
  readonly restSeconds: number;
}

function replyWith({ data, info }: Picture, { request, requestId, id, etag, restSeconds }: Asked): Reply {
  const length = decodedLength(data);
  const { 'if-none-match': ifNoneMatch, range } = request.headers;
  // Node joins what comes twice, and this one not.
  const ifRange = request.headers['if-range']?.toString();
  const part = partFor({ method: request.method, ifNoneMatch, ifRange, range }, etag, length);
  if (part.status === 416)
    throw new GatewayError('invalid_request', `The picture has ${length} bytes, and none of the range asked for.`, {
      status: 416,
      param: 'Range',
      code: 'range_not_satisfiable',
      headers: { 'content-range': `bytes */${length}` },
    });
  const { from, to } = part.status === 206 ? part : { from: 0, to: length };
  const isSent = request.method === 'GET' && part.status !== 304;
  return {
    status: part.status,
    headers: {
      'x-request-id': requestId,
      // What the bytes are, from a closed set: nothing that a browser would run.
      'content-type': MIME_TYPES[info.type],
      'content-disposition': `inline; filename="picture-${id.slice(0, 8)}.${info.type}"`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      // A link is given to be shown, on whatever page; it is itself a secret, so no page passes it on.
      'cross-origin-resource-policy': 'cross-origin',
      'access-control-allow-origin': '*',
      'access-control-expose-headers': 'content-length, content-range, etag',
      'referrer-policy': 'no-referrer',
      'cache-control': `private, max-age=${restSeconds}, immutable`,
      etag,
      'accept-ranges': 'bytes',
      ...(part.status === 206 && { 'content-range': `bytes ${from}-${to - 1}/${length}` }),
      ...(!isSent && { 'content-length': String(to - from) }),
    },
    chunks: isSent ? decodePieces(data, from, to) : [],
    byteLength: isSent ? to - from : 0,
  };
}

/** Room for a picture to lie in while it is sent. */
async function roomFor(budget: ByteBudget, gone: AbortSignal): Promise<Room> {
  try {
    return await acquireOrRefuse(budget, MOST_BYTES, gone);
  } catch (error) {
    if (!gone.aborted) throw error;
    throw new GatewayError('unavailable', 'The caller hung up.', { code: 'hung_up' }, error);
  }
}

/** Null: none. What is there twice is nothing: nobody signs for that. */
function only(query: URLSearchParams, name: string): string | null {
  const [value = null, ...others] = query.getAll(name);
  return others.length === 0 ? value : null;
}

function readWidth(query: URLSearchParams): number | null {
  if (!query.has('w')) return null;
  const word = only(query, 'w');
  const width = WIDTHS.find((each) => String(each) === word);
  if (width !== undefined) return width;
  const message = `w is how wide the picture may be: ${WIDTHS.join(', ')}, or absent for the picture as it is.`;
  throw new GatewayError('invalid_request', message, { param: 'w', code: 'invalid_value' });
}
