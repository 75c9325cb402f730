import { readFileSync } from 'node:fs';
import { endWithWhoStarted } from './end.ts';
import { openLedger } from './ledger-thread.ts';

/** What the packages hold that the gateway is made of, and its two threads with SQLite, before a line of its own is there. */
const { dependencies } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
};
// Loaded only where a Redis or S3 is used.
const ELSEWHERE = new Set(['@keyv/redis', '@redis/client', 'aws4fetch']);
for (const name of Object.keys(dependencies)) if (!ELSEWHERE.has(name)) await import(name);
await Promise.all([openLedger().write(), openLedger().write()]);
process.stdout.write('ready\n');
endWithWhoStarted();
