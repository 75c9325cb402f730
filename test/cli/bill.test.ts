import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readBill } from '../../src/cli/bill.ts';

describe('a bill', () => {
  const directory = mkdtempSync(join(tmpdir(), 'plantain-test-'));
  const file = join(directory, 'bill');
  afterAll(() => rmSync(directory, { recursive: true }));
  const read = (text: string) => {
    writeFileSync(file, text);
    return readBill(file);
  };

  test('has times in either way of writing them', () => {
    const at = Date.parse('2026-11-22T12:00:00Z');
    expect(read(`at,usd\n2026-11-22T12:00:00Z,0.058\n${at},$1\n`)).toEqual([
      { at, nanos: 58_000_000n },
      { at, nanos: 1_000_000_000n },
    ]);
  });

  test.each(['tomorrow', '99999999999999999'])('with the time %s is refused by its line', (at) => {
    expect(() => read(`at,usd\n2026-11-22,1\n${at},1\n`)).toThrow(/^Entry 2 of .* has no time that can be read\.$/);
    expect(() => read(`{"entries":[{"at":"${at}","nanoUsd":1}]}`)).toThrow(/^Entry 1 of .* has no time/);
  });
});
