import { describe, expect, test } from 'vitest';
import { asCsv, asTable, legibleJson } from '../../src/cli/format.ts';

const tableOf = (text: string) => ({ columns: [{ name: 'user', isNumber: false }], rows: [[text]], total: null });

describe('what callers wrote', () => {
  test.each(['=1+1', '+1', '-1', '@x', '\t=1', '\r=1', '\n=1', '＝1+1', '＋1', '－1', '＠x'])(
    'is no formula in CSV: %j',
    (text) => {
      const cell = asCsv(tableOf(text)).slice('user\r\n'.length, -'\r\n'.length);
      expect(cell.replace(/^"/, '')).toMatch(/^'/);
    },
  );

  test.each(['\u001b[2J', '\u009b31m', '\u007f', '\u202eabc', '\u2028', '\u{e0001}', 'a\nb'])(
    'steers no terminal, and comes back whole from JSON: %j',
    (text) => {
      const json = legibleJson({ user: text });
      expect(json.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(JSON.parse(json)).toEqual({ user: text });
      expect(asTable(tableOf(text)).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    },
  );
});
