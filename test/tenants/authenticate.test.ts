import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { authenticate, createKeyRing, keyDigest, readCredentials } from '../../src/tenants/authenticate.ts';
import type { KeyEntry, Tenant } from '../../src/tenants/authenticate.ts';

const tenant = (id: string): Tenant => ({
  id,
  models: null,
  budgets: [],
  limits: null,
  cache: { scope: id, when: null, ttlSeconds: null },
});
const acme = tenant('acme');
const entry = (key: string, over: Partial<KeyEntry> = {}): KeyEntry => ({
  sha256: keyDigest(key),
  id: `id-of-${key.length}`,
  tenant: acme,
  ...over,
});

function refused(work: () => unknown): GatewayError {
  try {
    work();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('credentials', () => {
  test.each([
    ['Authorization: Bearer', { authorization: 'Bearer sk-1' }],
    ['the scheme in any case', { authorization: 'bEARER sk-1' }],
    ['extra spaces', { authorization: '  Bearer \t  sk-1  ' }],
    ['x-goog-api-key', { 'x-goog-api-key': 'sk-1' }],
    ['x-api-key', { 'x-api-key': ' sk-1 ' }],
    ['a header that came as a list', { 'x-api-key': ['sk-1'] }],
  ])('are read from %s', (_, headers) => {
    expect(readCredentials(headers, null)).toEqual(['sk-1']);
  });

  test('are read from ?key= only when the route passes it on', () => {
    expect(readCredentials({}, 'sk-1')).toEqual(['sk-1']);
    expect(readCredentials({}, null)).toEqual([]);
  });

  test('that are the same in two places are one', () => {
    expect(readCredentials({ authorization: 'Bearer sk-1', 'x-goog-api-key': 'sk-1' }, 'sk-1')).toEqual(['sk-1']);
  });

  test('that differ are all kept, in order', () => {
    const headers = { 'x-goog-api-key': 'two', authorization: 'Bearer one', 'x-api-key': 'three' };
    expect(readCredentials(headers, 'four')).toEqual(['one', 'two', 'three', 'four']);
  });

  test.each(['', '   ', 'Bearer', 'Bearer   ', 'Basic dXNlcjpwYXNz', 'sk-1'])(
    'are none in "Authorization: %s"',
    (authorization) => {
      expect(readCredentials({ authorization, 'x-api-key': ' ', 'x-goog-api-key': '' }, '')).toEqual([]);
    },
  );
});

describe('authentication', () => {
  test('gives the tenant and the id of the key', () => {
    const keys = createKeyRing([
      entry('sk-one', { id: 'one' }),
      entry('sk-two', { id: 'two', tenant: tenant('zeta') }),
    ]);
    expect(authenticate(keys, ['sk-two'], 0)).toMatchObject({ tenant: { id: 'zeta' }, keyId: 'two' });
  });

  test('accepts exactly the keys of the ring', () => {
    const key = fc.string({ unit: fc.constantFrom('a', 'b', 'C', '-'), minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.uniqueArray(key), key, (all, tried) => {
        const keys = createKeyRing(all.map((one) => entry(one, { id: one })));
        if (all.includes(tried)) expect(authenticate(keys, [tried], 0).keyId).toBe(tried);
        else expect(refused(() => authenticate(keys, [tried], 0)).failure).toBe('unauthenticated');
      }),
    );
  });

  test('tells keys apart whose digests begin alike', () => {
    const sha256 = keyDigest('sk-one');
    const neighbour = sha256.slice(0, 63) + (sha256.endsWith('0') ? '1' : '0');
    const keys = createKeyRing([entry('x', { sha256: neighbour, id: 'neighbour' }), entry('sk-one', { id: 'one' })]);
    expect(authenticate(keys, ['sk-one'], 0).keyId).toBe('one');
    const alone = createKeyRing([entry('x', { sha256: neighbour })]);
    expect(refused(() => authenticate(alone, ['sk-one'], 0)).failure).toBe('unauthenticated');
  });

  test('reads digests in either case', () => {
    const keys = createKeyRing([entry('sk-one', { sha256: keyDigest('sk-one').toUpperCase() })]);
    expect(authenticate(keys, ['sk-one'], 0).tenant).toBe(acme);
  });

  test('says what is wrong: missing, unknown, revoked, expired', () => {
    const keys = createKeyRing([entry('sk-gone', { revoked: true }), entry('sk-old', { expiresAt: 1_000 })]);
    expect(refused(() => authenticate(keys, [], 0)).message).toMatch(/^No API key was sent.*Bearer KEY/);
    expect(refused(() => authenticate(keys, ['sk-what'], 0)).message).toMatch(/not known here/);
    expect(refused(() => authenticate(keys, ['sk-gone'], 0)).message).toMatch(/revoked/);
    expect(refused(() => authenticate(keys, ['sk-old'], 1_000)).message).toMatch(/expired at 1970-01-01T00:00:01/);
    expect(authenticate(keys, ['sk-old'], 999).tenant).toBe(acme);
  });

  test('answers 401 and never repeats a key', () => {
    const secret = 'sk-secret-0123456789';
    const rings = [[], [entry(secret, { revoked: true })], [entry(secret, { expiresAt: 1 })]];
    for (const entries of rings) {
      const error = refused(() => authenticate(createKeyRing(entries), [secret, `${secret}x`], 5));
      expect(error.status).toBe(401);
      expect(JSON.stringify([error.message, error.detail, error.stack, error.cause])).not.toContain('secret-0123');
    }
  });

  test('takes one good key beside bad ones, whichever comes first', () => {
    const keys = createKeyRing([entry('sk-good', { id: 'good' }), entry('sk-gone', { id: 'gone', revoked: true })]);
    expect(authenticate(keys, ['unused', 'sk-good'], 0).keyId).toBe('good');
    expect(authenticate(keys, ['sk-gone', 'sk-good'], 0).keyId).toBe('good');
    expect(authenticate(keys, ['sk-good', 'unused'], 0).keyId).toBe('good');
  });

  test('does not guess between good keys of two tenants', () => {
    const keys = createKeyRing([entry('sk-a'), entry('sk-b'), entry('sk-z', { tenant: tenant('zeta') })]);
    expect(authenticate(keys, ['sk-a', 'sk-b'], 0).tenant).toBe(acme);
    expect(refused(() => authenticate(keys, ['sk-a', 'sk-z'], 0)).message).toMatch(/different tenants/);
  });

  test.each([
    ['empty', ''],
    ['white', '  '],
    ['spaced', 'a b'],
    ['not ASCII', 'clé'],
    ['endless', 'k'.repeat(513)],
  ])('never knows a key that is %s', (_, key) => {
    expect(() => keyDigest(key)).toThrow(/1 to 512 characters/);
    expect(refused(() => authenticate(createKeyRing([entry('sk-1')]), [key], 0)).failure).toBe('unauthenticated');
  });
});

describe('a key ring', () => {
  test('refuses what is no digest', () => {
    expect(() => createKeyRing([entry('x', { sha256: 'sk-plain' })])).toThrow(/64 hexadecimal digits/);
    expect(() => createKeyRing([entry('x', { sha256: 'sk-plain' })])).not.toThrow(/sk-plain/);
  });

  test('refuses one key for two tenants', () => {
    expect(() => createKeyRing([entry('x'), entry('x', { tenant: tenant('zeta') })])).toThrow(
      /acme and zeta have the same key/,
    );
  });

  test('keeps digests only', () => {
    const ring = createKeyRing([entry('sk-secret-0123456789')]);
    expect(JSON.stringify([...ring])).not.toContain('sk-secret');
  });
});
