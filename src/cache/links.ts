import { hash } from 'node:crypto';
import { GatewayError } from '../errors.ts';
import type { Picture } from '../image/answer.ts';
import { Parcel } from './entry.ts';
import { readLinkHead, writeLinkHead } from './head.ts';
import type { LinkSigner } from './link-signature.ts';
import type { Shelf } from './shelf.ts';

/** What became of a link, or of the wish for one. */
export type LinkEvent =
  | 'made'
  | 'no_room'
  | 'not_asked'
  | 'served'
  | 'not_modified'
  | 'bad_signature'
  | 'expired'
  | 'gone'
  | 'limited';

export interface LinksOptions {
  readonly shelf: Shelf;
  readonly signer: LinkSigner;
  /** Where callers reach this gateway, without a trailing slash; null: nobody has said so. */
  readonly base: () => string | null;
  /** Whether there still is a tenant of that id: the links of one that was deleted end with it. */
  readonly isTenant: (id: string) => boolean;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly count: (event: LinkEvent) => void;
}

/**
 * Whose a link is. Its picture counts under the tenant's own name and goes with it, and not under the scope of its cache,
 * which others may share and which outlives it.
 */
export interface LinkOwner {
  readonly tenant: string;
  readonly model: string;
}

/** A link as it was asked for: words of the caller, nothing of them believed. */
export interface AskedLink {
  readonly id: string;
  readonly expires: string | null;
  readonly signature: string | null;
}

export interface Linked {
  readonly picture: Picture;
  /** SHA-256 of its bytes, in lower-case hex. */
  readonly digest: string;
  readonly model: string;
  readonly scope: string;
  /** Unix milliseconds: the link's own end. */
  readonly expiresAt: number;
}

export const LINKED_PATH = '/v1/images/files';

const LIFE_MS = 60 * 60_000;
/** A picture that is asked for again and again is written anew only so often. */
const SLACK_MS = 15 * 60_000;
const RETRY_AFTER_SECONDS = 60;

/**
 * Links to pictures: an entry of its own for each picture of a tenant, pinned until the last link to it has expired. Its
 * name follows from tenant and picture, so a thousand links to one picture take the room of one. The signature is the
 * credential, and without a good one nothing is looked up: nobody learns whether a picture exists.
 */
export class Links {
  readonly #options: LinksOptions;

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /** Why no link could be given, whatever is drawn; null: it could. */
  problemWith(directives: { readonly noStore: boolean }): string | null {
    if (directives.noStore) return 'Cache-Control: no-store forbids to keep the picture, which a link leads to';
    if (this.#options.base() !== null) return null;
    return 'this gateway does not know the address it is reached at: its operator sets publicUrl, or PUBLIC_URL';
  }

  /** Throws GatewayError where no link could be given: to be asked before anything is drawn. */
  check(directives: { readonly noStore: boolean }): void {
    const problem = this.problemWith(directives);
    if (problem === null) return;
    this.#options.count('not_asked');
    const message = `response_format url cannot be had: ${problem}. Send b64_json.`;
    throw new GatewayError('unsupported', message, { param: 'response_format', code: 'unsupported_value' });
  }

  /** Throws `unavailable` where all the room for linked pictures is taken: better before a picture is paid for than after. */
  async admit(tenant: string): Promise<void> {
    if (!(await this.#options.shelf.mayPin(tenant))) throw this.#noRoom('Nothing was drawn.');
  }

  /** A new link, good for an hour. Throws `unavailable` where the picture cannot be kept for so long, `forbidden` where its tenant was deleted meanwhile. */
  async make(picture: Picture, { tenant, model }: LinkOwner): Promise<string> {
    const { shelf, signer, base, isTenant, now, count } = this.#options;
    const parcel = new Parcel();
    const kept = await parcel.add(picture.data);
    const id = hash('sha256', `link 2\n${tenant}\n${kept.digest}`, 'base64url');
    const createdAt = now();
    const expires = Math.floor((createdAt + LIFE_MS) / 1000);
    if ((await shelf.keptUntil(nameOf(id))) < createdAt + LIFE_MS) {
      const isKept = await shelf.pin(nameOf(id), {
        scope: tenant,
        model,
        head: writeLinkHead({ picture: { ...kept, info: picture.info }, tenant }),
        createdAt,
        expiresAt: createdAt + LIFE_MS + SLACK_MS,
        ...parcel.contents(),
      });
      if (!isKept) throw this.#noRoom('The picture is not lost: the same request with b64_json has it.');
    }
    // Looked at once it is filed: whoever forgets the tenant from now on finds it there.
    if (!isTenant(tenant)) {
      await shelf.delete(nameOf(id));
      throw this.#refusal(
        'gone',
        403,
        'The tenant of this key was deleted while its picture was drawn: it has no links.',
      );
    }
    count('made');
    return `${base() ?? ''}${LINKED_PATH}/${id}?expires=${expires}&signature=${signer.sign('link', id, expires)}`;
  }

  /** The picture a link leads to. Throws `forbidden` (403), or `invalid_request` with 410 or 404. */
  async open(asked: AskedLink): Promise<Linked> {
    const { shelf, isTenant, now } = this.#options;
    const expiresAt = 1000 * this.#verify(asked);
    if (now() >= expiresAt)
      throw this.#refusal('expired', 410, 'This link has expired: links to pictures are good for an hour.');
    const name = nameOf(asked.id);
    const found = await shelf.get(name, { maxAgeSeconds: null });
    const head = found === null ? null : readLinkHead(found.card.head);
    const data = head === null || typeof head === 'string' ? undefined : found?.blobs.get(head.picture.digest);
    if (found === null || head === null || typeof head === 'string' || data === undefined || !isTenant(head.tenant)) {
      if (typeof head === 'string') await shelf.delete(name);
      throw this.#refusal('gone', 404, 'The picture of this link is not kept any more.');
    }
    const { scope, model } = found.card;
    const { digest, info } = head.picture;
    return { picture: { data, info }, digest, scope, model, expiresAt };
  }

  /** Unix seconds: when the link expires. What is malformed and what is not signed are told apart for nobody. */
  #verify({ id, expires, signature }: AskedLink): number {
    const isWellFormed = ID.test(id) && EXPIRES.test(expires ?? '') && SIGNATURE.test(signature ?? '');
    if (isWellFormed && this.#options.signer.isGenuine('link', id, Number(expires), signature ?? ''))
      return Number(expires);
    throw this.#refusal('bad_signature', 403, 'This is no link that was given here: use it whole, as it was given.');
  }

  #refusal(event: 'bad_signature' | 'expired' | 'gone', status: 403 | 404 | 410, message: string): GatewayError {
    this.#options.count(event);
    const failure = status === 403 ? 'forbidden' : 'invalid_request';
    return new GatewayError(failure, message, { status, code: LINK_CODES[event] });
  }

  #noRoom(consolation: string): GatewayError {
    this.#options.count('no_room');
    const message = `There is no room for another linked picture now; each is kept for an hour. ${consolation} Send b64_json, or try again later.`;
    // An SDK would wait a minute by itself, and in vain: room comes as links expire.
    const detail = {
      param: 'response_format',
      code: 'no_room_for_links',
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      retry: false,
    };
    return new GatewayError('unavailable', message, detail);
  }
}

const LINK_CODES = { bad_signature: 'invalid_signature', expired: 'link_expired', gone: 'link_gone' } as const;

const ID = /^[\w-]{43}$/;
const SIGNATURE = /^[\w-]{43}$/;
const EXPIRES = /^[1-9]\d{9,10}$/;

/** No key of an answer or a rendition: those end with a SHA-256 in hex. */
function nameOf(id: string): string {
  return `link:${id}`;
}
