import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readPatience } from '../../src/http/patience.ts';

test.each<[Record<string, string>, number]>([
  [{}, Infinity],
  [{ 'x-stainless-timeout': '600' }, 599_000],
  [{ 'x-stainless-timeout': '600.0' }, 599_000],
  [{ 'x-stainless-timeout': ' 30 ' }, 29_000],
  [{ 'x-stainless-timeout': '2' }, 1_600],
  [{ 'x-stainless-timeout': '0.5' }, 400],
  [{ 'x-stainless-read-timeout': '60' }, 59_000],
  [{ 'x-stainless-timeout': 'NOT_GIVEN', 'x-stainless-read-timeout': '600' }, 599_000],
  [{ 'x-stainless-timeout': '10', 'x-stainless-read-timeout': '600' }, 9_000],
  // Rounded up by whoever sends it.
  [{ 'x-server-timeout': '30' }, 28_000],
  [{ 'x-server-timeout': '1' }, 400],
  [{ 'x-server-timeout': '30', 'x-stainless-timeout': '5' }, 4_000],
  [{ 'x-stainless-timeout': '0' }, Infinity],
  [{ 'x-stainless-timeout': '-5' }, Infinity],
  [{ 'x-stainless-timeout': '1e3' }, Infinity],
  [{ 'x-stainless-timeout': 'Infinity' }, Infinity],
  [{ 'x-stainless-timeout': '99999999999' }, Infinity],
  [{ 'x-stainless-timeout': '10, 20' }, Infinity],
])('of %j the gateway takes %s ms', (headers, ms) => {
  expect(readPatience(headers, 1_000)).toEqual({ ms, until: 1_000 + ms });
});

test('an answer is always due before its client gives up, and never before it has begun to wait', () => {
  const names = fc.constantFrom('x-stainless-timeout', 'x-stainless-read-timeout', 'x-server-timeout');
  fc.assert(
    fc.property(fc.dictionary(names, fc.integer({ min: 1, max: 100_000 }), { minKeys: 1 }), (seconds) => {
      const headers = Object.fromEntries(Object.entries(seconds).map(([name, value]) => [name, String(value)]));
      const { ms } = readPatience(headers, 0);
      expect(ms).toBeGreaterThan(0);
      expect(ms).toBeLessThan(Math.min(...Object.values(seconds)) * 1000);
    }),
  );
});
