import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import type { Caller } from '../../src/tenants/authenticate.ts';
import { KeyPauses } from '../../src/tenants/pause.ts';

const HOUR_MS = 3_600_000;
const START = Date.UTC(2026, 10, 22, 12);

function caller(keyId: string, tenant = 'acme'): Caller {
  const cache = { scope: tenant, when: null, ttlSeconds: null };
  return { keyId, tenant: { id: tenant, models: null, budgets: [], cache, limits: null } };
}

function refusalOf(pauses: KeyPauses, who: Caller): GatewayError | null {
  try {
    pauses.check(who);
    return null;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}

describe('a key whose prompts are prohibited', () => {
  it('is paused by the twentieth verdict of an hour, until that hour is over', () => {
    let now = START;
    const pauses = new KeyPauses({ now: () => now });
    for (let verdict = 1; verdict < 20; verdict += 1) {
      expect(pauses.note(caller('a'))).toBeNull();
      now += 60_000;
    }
    expect(refusalOf(pauses, caller('a'))).toBeNull();
    expect(pauses.note(caller('a'))).toBe(START + HOUR_MS);
    expect(pauses.note(caller('a'))).toBeNull();
    expect(pauses.paused).toBe(1);

    const refusal = refusalOf(pauses, caller('a'))!;
    expect(refusal).toMatchObject({ failure: 'forbidden', status: 403 });
    expect(refusal.detail).toMatchObject({ code: 'key_paused', retry: false, retryAfterSeconds: 41 * 60 });
    expect(refusal.message).toMatch(/paused until 2026-11-22T13:00:00\.000Z.*prohibited/);

    now = START + HOUR_MS - 1;
    expect(refusalOf(pauses, caller('a'))).not.toBeNull();
    now += 1;
    expect(refusalOf(pauses, caller('a'))).toBeNull();
    expect(pauses.paused).toBe(0);
    expect(pauses.note(caller('a'))).toBeNull();
  });

  it('stops neither another key of its tenant nor another tenant whose key has that name', () => {
    const pauses = new KeyPauses({ now: () => START, verdicts: 2 });
    pauses.note(caller('a'));
    pauses.note(caller('a'));
    expect(refusalOf(pauses, caller('a'))).not.toBeNull();
    expect(refusalOf(pauses, caller('b'))).toBeNull();
    expect(refusalOf(pauses, caller('a', 'globex'))).toBeNull();
  });

  it('is paused exactly while an hour of it has as many verdicts, among any others', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), ms: fc.nat(HOUR_MS) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let now = START;
        const pauses = new KeyPauses({ now: () => now, verdicts: 3 });
        const hours = new Map<string, { endsAt: number; verdicts: number }>();
        for (const { key, ms } of steps) {
          now += ms;
          const running = hours.get(key);
          const hour = running !== undefined && running.endsAt > now ? running : { endsAt: now + HOUR_MS, verdicts: 0 };
          hour.verdicts += 1;
          hours.set(key, hour);
          expect(pauses.note(caller(key))).toBe(hour.verdicts === 3 ? hour.endsAt : null);
          for (const name of ['a', 'b', 'c']) {
            const { endsAt = 0, verdicts = 0 } = hours.get(name) ?? {};
            expect(refusalOf(pauses, caller(name)) !== null).toBe(endsAt > now && verdicts >= 3);
          }
        }
      }),
    );
  });

  it('is one of a bounded number that are watched', () => {
    const pauses = new KeyPauses({ now: () => START, verdicts: 1, keys: 10 });
    for (let key = 0; key < 1000; key += 1) pauses.note(caller(`key ${key}`));
    expect(pauses.paused).toBe(10);
    expect(refusalOf(pauses, caller('key 999'))).not.toBeNull();
    expect(refusalOf(pauses, caller('key 0'))).toBeNull();
  });
});
