import { describe, expect, test } from 'vitest';
import type { Claim } from '../../src/cache/store.ts';
import { memoryTexts } from '../../src/cache/texts.ts';
import { IdempotencyKeys, readIdempotencyKey } from '../../src/cache/idempotency.ts';

const picture = (digest: string) => ({ scope: 'acme', digest });

describe('an Idempotency-Key', () => {
  test('is read quoted, as the draft has it, and bare, as most clients send it', () => {
    expect(readIdempotencyKey(undefined)).toBeNull();
    expect(readIdempotencyKey('8e03978e-40d5')).toBe('8e03978e-40d5');
    expect(readIdempotencyKey('"8e03978e-40d5"')).toBe('8e03978e-40d5');
    expect(readIdempotencyKey('"a \\"b\\" \\\\c"')).toBe('a "b" \\c');
  });

  test.each([['', 'x'.repeat(256), 'caf\u00e9', ['a', 'b']]].flat())('%j is refused by name', (header) => {
    expect(() => readIdempotencyKey(header)).toThrow(/Idempotency-Key must be one value/);
  });

  test('stands for the first request of its tenant for a day', async () => {
    let now = 1_000_000;
    const keys = new IdempotencyKeys({ first: memoryTexts(1 << 16), now: () => now });
    await keys.claim('acme', 'k', [picture('one'), picture('two')]);
    await keys.claim('acme', 'k', [picture('one'), picture('two')]);
    await keys.claim('globex', 'k', [picture('three')]);
    const other = (): Promise<void> => keys.claim('acme', 'k', [picture('one')]);
    await expect(other()).rejects.toThrow(expect.objectContaining({ failure: 'idempotency_mismatch', status: 422 }));
    now += 86_400_000;
    await other();
  });

  test('that is only looked at stands for nothing, and is refused where it stands for another request', async () => {
    const keys = new IdempotencyKeys({ first: memoryTexts(1 << 16), now: () => 0 });
    await keys.check('acme', 'k', [picture('one')]);
    await keys.claim('acme', 'k', [picture('two')]);
    await keys.check('acme', 'k', [picture('two')]);
    await expect(keys.check('acme', 'k', [picture('one')])).rejects.toThrow(/used with another request/);
  });

  test('stands for its request after a restart too, until its day is over', async () => {
    let now = 1_000_000;
    const told: Claim[] = [];
    const make = (): IdempotencyKeys =>
      new IdempotencyKeys({ first: memoryTexts(1 << 16), now: () => now, onClaim: (claim) => told.push(claim) });
    const before = make();
    await before.claim('acme', 'my-secret-key', [picture('one')]);
    await before.claim('acme', 'my-secret-key', [picture('one')]);
    expect(told).toHaveLength(1);
    expect(JSON.stringify(told)).not.toContain('my-secret-key');
    now += 86_399_000;
    const after = make();
    after.restore(told);
    await after.claim('acme', 'my-secret-key', [picture('one')]);
    await expect(after.claim('acme', 'my-secret-key', [picture('two')])).rejects.toThrow(/used with another request/);
    now += 1_000;
    await after.check('acme', 'my-secret-key', [picture('two')]);
  });
});
