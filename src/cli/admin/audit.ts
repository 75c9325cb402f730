import { parseArgs } from 'node:util';
import { isMap } from '../../tenants/settings.ts';
import { WrongUse } from '../command.ts';
import type { Command } from '../command.ts';
import { asTable, legibleJson } from '../format.ts';
import { adminApi, ADMIN_HELP, ADMIN_OPTIONS } from './call.ts';
import { dollars, words } from './options.ts';

const MOST_ROWS = 1_000;

export const audit: Command = {
  name: 'audit',
  summary: 'who changed tenants, keys and credit, newest first',
  help: `Usage: npm run plantain -- audit [options]

  --subject WHO      of one only: "key 0123456789ab", "tenant acme", "ledger"
  --limit N          so many rows, 1 to ${MOST_ROWS} (default: 50)
`,
  where: ADMIN_HELP,
  async run(typed, surroundings) {
    const options = {
      ...ADMIN_OPTIONS,
      subject: { type: 'string', default: '' },
      limit: { type: 'string', default: '50' },
    } as const;
    const { values } = parseArgs({ args: [...typed], options });
    if (!/^\d{1,4}$/.test(values.limit)) throw new WrongUse(`--limit must be 1 to ${MOST_ROWS}.`);
    const query = `limit=${values.limit}&subject=${encodeURIComponent(values.subject)}`;
    const { audit: rows } = await adminApi(values, surroundings).get(`/audit?${query}`);
    const found = Array.isArray(rows) ? rows.filter(isMap) : [];
    const texts = ['at', 'actor', 'action', 'subject', 'result', 'from', 'requestId'];
    surroundings.print(
      values.json
        ? legibleJson(found)
        : asTable({
            columns: [...texts.map((name) => ({ name, isNumber: false })), { name: 'usd', isNumber: true }],
            rows: found.map((row) => [...texts.map((name) => words(row[name])), dollars(row['amountUsd'])]),
            total: null,
          }),
    );
    return 0;
  },
};
