import { hash } from 'node:crypto';
import { GatewayError } from '../errors.ts';
import type { CacheKey } from './key.ts';
import type { Decision } from './policy.ts';
import type { Claim } from './store.ts';
import type { TextStore } from './texts.ts';

// https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header-07

/** How long a key stands for its first request, and the answer to that is kept. */
const KEPT_SECONDS = 86_400;
const MAX_KEY_LENGTH = 255;

/** The key of an `Idempotency-Key` header, quoted as the draft has it or bare as most clients send it. */
export function readIdempotencyKey(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  const text = typeof header === 'string' ? header.trim() : '';
  const key = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text)?.[1]?.replace(/\\(["\\])/g, '$1') ?? text;
  if (key.length >= 1 && key.length <= MAX_KEY_LENGTH && /^[\x20-\x7e]+$/.test(key)) return key;
  throw new GatewayError(
    'invalid_request',
    `Idempotency-Key must be one value of 1 to ${MAX_KEY_LENGTH} printable ASCII characters.`,
    { param: 'Idempotency-Key', code: 'invalid_value' },
  );
}

/** What several instances know of keys. Null: it cannot be told, or nothing is known. Never rejects. */
export interface SharedClaims {
  /** This claim, unless there was one before it. Without pictures it only looks. */
  claim(claim: Pick<Claim, 'tenant' | 'name'> & Partial<Claim>): Promise<Pick<Claim, 'pictures' | 'endsAt'> | null>;
}

export interface IdempotencyOptions {
  readonly first: TextStore;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Told of every new one, to keep it over a restart. */
  readonly onClaim?: (claim: Claim) => void;
  readonly shared?: SharedClaims | null;
}

/** Which request a tenant's key was first used with, for as long as there is room. */
export class IdempotencyKeys {
  readonly #first: TextStore;
  readonly #now: () => number;
  readonly #onClaim: (claim: Claim) => void;
  readonly #shared: SharedClaims | null;

  constructor({ first, now, onClaim = () => undefined, shared = null }: IdempotencyOptions) {
    this.#first = first;
    this.#now = now;
    this.#onClaim = onClaim;
    this.#shared = shared;
  }

  /** Brings back what was told before a restart, the oldest first. */
  restore(claims: readonly Pick<Claim, 'name' | 'pictures' | 'endsAt'>[]): void {
    for (const { name, pictures, endsAt } of claims) this.#first.set(name, `${pictures} ${endsAt}`);
  }

  /** Rejects with `idempotency_mismatch` when the tenant's key already stands for pictures other than these. */
  async check(tenant: string, key: string, pictures: readonly CacheKey[]): Promise<void> {
    const name = nameOf(tenant, key);
    const before = this.#before(name) ?? (await this.#shared?.claim({ tenant, name }))?.pictures ?? null;
    if (before !== null) refuseOthers(before, pictures);
  }

  /** As `check`; a key that stands for nothing stands for these pictures from now on. */
  async claim(tenant: string, key: string, pictures: readonly CacheKey[]): Promise<void> {
    const name = nameOf(tenant, key);
    const before = this.#before(name);
    if (before !== null) return refuseOthers(before, pictures);
    const claim = { name, tenant, pictures: digestOf(pictures), endsAt: this.#now() + KEPT_SECONDS * 1000 };
    this.restore([claim]);
    this.#onClaim(claim);
    const stands = (await this.#shared?.claim(claim)) ?? claim;
    this.restore([{ name, ...stands }]);
    refuseOthers(stands.pictures, pictures);
  }

  #before(name: string): string | null {
    const [digest, until = '0'] = this.#first.get(name)?.split(' ') ?? [];
    return digest === undefined || Number(until) <= this.#now() ? null : digest;
  }
}

function refuseOthers(before: string, pictures: readonly CacheKey[]): void {
  if (before === digestOf(pictures)) return;
  const message = 'This Idempotency-Key was used with another request. Use a new key for a new request.';
  throw new GatewayError('idempotency_mismatch', message, { code: 'idempotency_mismatch', retry: false });
}

function nameOf(tenant: string, key: string): string {
  return hash('sha256', JSON.stringify([tenant, key]));
}

function digestOf(pictures: readonly CacheKey[]): string {
  return hash('sha256', pictures.map((picture) => picture.digest).join());
}

/**
 * What the cache does for a picture asked for under a key: the first answer is that of every repetition. Where the cache
 * serves it anyway nothing changes; else it is kept under a name that only this tenant and key have, in the scope that has the
 * tenant's name and counts its bytes. `no-store` wins.
 */
export function underKey(tenant: string, key: string, asked: { key: CacheKey; decision: Decision }) {
  const { decision } = asked;
  if (decision.bypass === 'no-store' || (decision.read && decision.store)) return asked;
  return {
    key: { scope: tenant, digest: hash('sha256', JSON.stringify(['idempotency', tenant, key, asked.key.digest])) },
    decision: {
      ...decision,
      read: true,
      maxAgeSeconds: null,
      // It need not be one that may be answered twice.
      staleIfErrorSeconds: 0,
      store: true,
      ttlSeconds: KEPT_SECONDS,
      join: true,
      bypass: null,
    },
  };
}
