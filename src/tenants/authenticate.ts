import { hash, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../errors.ts';
import type { SafetyFloor } from '../image/safety.ts';
import type { Budget, Payer } from './budget.ts';
import type { Limits } from './limits.ts';

/** A team that shares keys, budgets and, within its scope, pictures; as one of its keys sees it, which may narrow it. */
export interface Tenant {
  readonly id: string;
  /** Canonical ids; null = all. */
  readonly models: readonly string[] | null;
  readonly budgets: readonly Budget[];
  readonly limits: Limits | null;
  /** Who pays beside the tenant: the key, the organisation, everything. Absent: nobody. */
  readonly alongside?: readonly Payer[] | undefined;
  readonly cache: {
    /** Tenants naming the same scope share pictures. */
    readonly scope: string;
    /** null: as the gateway does by default. */
    readonly when: 'repeatable' | 'always' | 'never' | null;
    readonly ttlSeconds: number | null;
    /** Absent: as the model or the gateway says. */
    readonly onDisconnect?: 'finish' | 'cancel' | undefined;
  };
  /** The laxest safety threshold its requests may set; null or absent: any. */
  readonly safetyFloor?: SafetyFloor | null | undefined;
}

/** Who asks. */
export interface Caller {
  readonly tenant: Tenant;
  /** Short and safe to log. */
  readonly keyId: string;
}

export interface KeyEntry {
  /** Hex digest of the key: see `keyDigest`. The key itself is kept nowhere. */
  readonly sha256: string;
  readonly id: string;
  readonly tenant: Tenant;
  /** Unix ms. */
  readonly expiresAt?: number | undefined;
  readonly revoked?: boolean | undefined;
}

/** All keys, found by the first characters of their digests. */
export type KeyRing = ReadonlyMap<string, readonly KeyEntry[]>;

/** Longer than any vendor's key; what is longer is not worth a digest. */
const MAX_KEY_LENGTH = 512;
/** Enough that two keys hardly ever share a bucket, too few to say anything about a digest. */
const BUCKET_CHARACTERS = 8;

const HOW = 'Send it as "Authorization: Bearer KEY", "x-goog-api-key: KEY" or "x-api-key: KEY".';

/** Throws Error when a digest is none, or two entries have the same: a key must name one tenant. */
export function createKeyRing(entries: readonly KeyEntry[]): KeyRing {
  const ring = new Map<string, readonly KeyEntry[]>();
  for (const entry of entries) addToRing(ring, entry);
  return ring;
}

/** As `createKeyRing` does with each of its entries. */
export function addToRing(ring: Map<string, readonly KeyEntry[]>, entry: KeyEntry): void {
  const sha256 = entry.sha256.toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(sha256))
    throw new Error(
      `The key ${entry.id} of tenant ${entry.tenant.id} needs a SHA-256 digest of 64 hexadecimal digits.`,
    );
  const bucket = ring.get(bucketOf(sha256)) ?? [];
  const same = bucket.find((other) => other.sha256 === sha256);
  if (same !== undefined)
    throw new Error(
      `Tenants ${same.tenant.id} and ${entry.tenant.id} have the same key (${same.id}, ${entry.id}). Give each its own.`,
    );
  ring.set(bucketOf(sha256), [...bucket, { ...entry, sha256 }]);
}

export function removeFromRing(ring: Map<string, readonly KeyEntry[]>, sha256: string): void {
  const rest = (ring.get(bucketOf(sha256)) ?? []).filter((other) => other.sha256 !== sha256);
  if (rest.length > 0) ring.set(bucketOf(sha256), rest);
  else ring.delete(bucketOf(sha256));
}

/** The digest a key is known by. Throws Error for what cannot be sent as a key: nothing, white space, more than 512 characters. */
export function keyDigest(key: string): string {
  if (!isSendable(key)) throw new Error(`A key is 1 to ${MAX_KEY_LENGTH} characters of visible ASCII, without spaces.`);
  return hash('sha256', key);
}

/**
 * The different credentials of a call, in the order they are tried. `queryKey` is `?key=` where the route takes that,
 * else null. More than one is common: an SDK sends its own header beside the one its user added.
 */
export function readCredentials(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  queryKey: string | null,
): readonly string[] {
  const found = [
    ...valuesOf(headers['authorization']).map(bearer),
    ...valuesOf(headers['x-goog-api-key']),
    ...valuesOf(headers['x-api-key']),
    queryKey ?? '',
  ];
  return [...new Set(found.map((value) => value.trim()).filter((value) => value !== ''))];
}

/**
 * The caller a call's credentials belong to, at `now` (unix ms). One good key is enough: an SDK's placeholder in another
 * header does no harm. Good keys of two tenants are refused, for it would be a guess who pays.
 * Throws GatewayError `unauthenticated`: missing, unknown, revoked, expired or of two tenants.
 *
 * A key is found by a short prefix of its digest and told by comparing whole digests in constant time. What a caller
 * could measure is whether that prefix is in use: of a digest it can neither choose nor turn back into a key.
 */
export function authenticate(keys: KeyRing, credentials: readonly string[], now: number): Caller {
  if (credentials.length === 0) throw unauthenticated(`No API key was sent. ${HOW}`);
  const known = credentials.map((credential) => find(keys, credential)).filter((entry) => entry !== null);
  const good = known.filter((entry) => entry.revoked !== true && !isExpired(entry, now));
  const [first] = good;
  if (first !== undefined) {
    if (good.some(({ tenant }) => tenant.id !== first.tenant.id))
      throw unauthenticated('The API keys sent belong to different tenants. Send one of them only.');
    return { tenant: first.tenant, keyId: first.id };
  }
  if (known.some(({ revoked }) => revoked === true))
    throw unauthenticated('This API key was revoked. Use another, or ask whoever runs this gateway for one.');
  const [expired] = known;
  if (expired?.expiresAt !== undefined)
    throw unauthenticated(`This API key expired at ${new Date(expired.expiresAt).toISOString()}. Use a newer one.`);
  throw unauthenticated(
    `This API key is not known here: it is a key of this gateway, not of a vendor, that is needed. ${HOW}`,
  );
}

function find(keys: KeyRing, credential: string): KeyEntry | null {
  if (!isSendable(credential)) return null;
  const digest = hash('sha256', credential);
  const bucket = keys.get(bucketOf(digest)) ?? [];
  return bucket.find(({ sha256 }) => timingSafeEqual(Buffer.from(sha256), Buffer.from(digest))) ?? null;
}

function isExpired({ expiresAt }: KeyEntry, now: number): boolean {
  return expiresAt !== undefined && now >= expiresAt;
}

function isSendable(key: string): boolean {
  return key.length <= MAX_KEY_LENGTH && /^[!-~]+$/.test(key);
}

function bucketOf(sha256: string): string {
  return sha256.slice(0, BUCKET_CHARACTERS);
}

function valuesOf(header: string | string[] | undefined): readonly string[] {
  return header === undefined ? [] : [header].flat();
}

/** The token of `Bearer TOKEN` (RFC 6750, the scheme in any case), or nothing: other schemes are not ours. */
function bearer(value: string): string {
  const [scheme = '', ...rest] = value.trim().split(/\s+/);
  return scheme.toLowerCase() === 'bearer' ? rest.join(' ') : '';
}

function unauthenticated(message: string): GatewayError {
  return new GatewayError('unauthenticated', message);
}
