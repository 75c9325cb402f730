import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openEmbeddedLedger } from '../../src/tenants/embedded-ledger.ts';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { reportUsage } from '../../src/tenants/ledger-usage.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { accountsFor } from '../../src/tenants/state.ts';
import type { Hold } from '../../src/tenants/state.ts';
import type { Row } from './wire.ts';

const TENANTS = 10_000;
const HOLDS = 500_000;
const AT = Date.parse('2026-11-22T12:00:00Z');
const DAYS = 90;
const TURNS = 400;
const MOST_ROWS = 10_000;
const budgets = [{ limitNanos: 1e15, per: 'total', timeZone: 'UTC', models: null }] as const;

/** A ledger of 10,000 tenants and a million rows beside an empty one; and one in which every picture has a tag of its own. */
export async function benchLedger(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'plantain-bench-'));
  try {
    const empty = join(directory, 'empty/ledger.db');
    const usual = join(directory, 'usual/ledger.db');
    const tagged = join(directory, 'tagged/ledger.db');
    openEmbeddedLedger(empty, AT).close();
    fill(usual, 1_000);
    fill(tagged, HOLDS);
    return [
      ...(await benchPicture(empty, usual)),
      ...benchReports('1,000,000 rows', usual, ['tenant', 'day', 'model,outcome', 'tag:job', 'user,tag:team']),
      ...benchReports(`${HOLDS} distinct tags`, tagged, ['tenant', 'tag:job']),
      ...(await benchRollUp(usual)),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Written by SQL, which is ten times as fast as the verbs, and verified. */
function fill(file: string, jobs: number): void {
  openEmbeddedLedger(file, AT).close();
  const db = new DatabaseSync(file);
  db.exec(`
    PRAGMA foreign_keys = OFF; PRAGMA cache_size = -262144; BEGIN;
    CREATE TEMP TABLE n AS
      WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${HOLDS - 1})
      SELECT i, lower(hex(randomblob(16))) AS id, i % ${TENANTS} AS tenant, 1 + i % ${Math.max(jobs, TENANTS)} AS attribution,
        ${AT} - (i % ${DAYS}) * 86400000 AS at FROM n;
    INSERT INTO attribution SELECT DISTINCT attribution, 't' || tenant, 'k' || tenant, 'pro', 'vendor', '1K',
      'u' || (attribution % 7000), json_object('job', (attribution % ${jobs}) || '', 'team', 'team-' || (attribution % 20)) FROM n;
    INSERT INTO account SELECT '["t' || tenant || '","total","UTC",null,"total"]', 60 * count(*), 0 FROM n GROUP BY tenant;
    INSERT INTO hold (id, worst, state, attribution, at, lease_until, outcome, charged, pictures, tokens, ended_at)
      SELECT id, 100, 'settled', attribution, at, at, 'ok', 60, 1, 1000, at FROM n ORDER BY id;
    INSERT INTO hold_account SELECT id, '["t' || tenant || '","total","UTC",null,"total"]' FROM n ORDER BY id;
    INSERT INTO ledger (at, attribution, hold, kind, delta_held, delta_spent, outcome, pictures, tokens)
      SELECT at, attribution, id, 'reserve', 100, 0, NULL, 0, 0 FROM n;
    INSERT INTO ledger (at, attribution, hold, kind, delta_held, delta_spent, outcome, pictures, tokens)
      SELECT at, attribution, id, 'settle', -100, 60, 'ok', 1, 1000 FROM n;
    INSERT INTO usage SELECT date(at / 1000, 'unixepoch'), attribution, 'ok', count(*), count(*), 1000 * count(*), 60 * count(*)
      FROM n GROUP BY 1, 2;
    INSERT INTO saved SELECT date(at / 1000, 'unixepoch'), attribution, 'cached', 1, 2 * count(*), 120 * count(*), 9000
      FROM n WHERE i % 2 = 0 GROUP BY 1, 2;
    DROP TABLE n; COMMIT;`);
  db.close();
  const reader = openLedgerReader(file);
  const { drifts, rows } = verifyLedger(reader);
  reader.close();
  if (drifts.length > 0 || rows !== BigInt(2 * HOLDS))
    throw new Error(`the ledger of the bench is wrong: ${drifts[0]}`);
}

function hold(turn: number): Hold {
  const tenant = `t${(turn * 7_919) % TENANTS}`;
  const who = { tenant, keyId: 'k', model: 'pro', upstream: 'vendor', tier: '1K', user: `u${turn}`, tags: {} };
  const accounts = accountsFor({ id: tenant, budgets }, 'pro', AT);
  return { id: crypto.randomUUID(), ...who, leaseMs: 60_000, worstNanos: 100, limits: null, accounts };
}

/** Through the port: a thread, and a commit that is on disk. */
async function benchPicture(empty: string, usual: string): Promise<Row[]> {
  const verbs = ['reserve', 'settle'] as const;
  const rows: Row[] = [];
  const states = await Promise.all([empty, usual].map((file) => openEmbeddedState({ file, now: () => AT })));
  const times = states.map(() => ({ reserve: [] as number[], settle: [] as number[] }));
  for (let turn = -50; turn < TURNS; turn += 1)
    for (const [index, state] of states.entries()) {
      const one = hold(turn + 100);
      const reserve = await timed(() => state.reserve([one]));
      const settle = await timed(() => state.settle(one.id, 60, 'ok', { pictures: 1, tokens: 1_000 }));
      if (turn < 0) continue;
      times[index]!.reserve.push(reserve);
      times[index]!.settle.push(settle);
    }
  await Promise.all(states.map((state) => state.close()));
  for (const verb of verbs) {
    const [none, many] = times.map((each) => median(each[verb]));
    rows.push({ name: `empty ledger: ${verb}`, medianMs: none!, ratio: '1' });
    rows.push({ name: `1,000,000 rows: ${verb}`, medianMs: many!, ratio: (many! / none!).toFixed(3) });
  }
  return rows;
}

/** Beside the plainest thing that can be asked of as many sums. */
function benchReports(name: string, file: string, reports: readonly string[]): Row[] {
  const db = openLedgerReader(file);
  const all = { tenant: null, upstream: null, since: null, until: null };
  const measure = (work: () => unknown): number =>
    median(
      Array.from({ length: 5 }, () => {
        const startedAt = performance.now();
        work();
        return performance.now() - startedAt;
      }),
    );
  const plain = measure(() =>
    db
      .prepare(
        'SELECT count(*), sum(spent), sum(length(tags)) FROM usage JOIN attribution AS who ON who.id = attribution',
      )
      .get(),
  );
  const rows = reports.map((by) => {
    const medianMs = measure(() => reportUsage(db, { ...all, by: by.split(',') }, MOST_ROWS));
    return { name: `${name}: usage by ${by}`, medianMs, ratio: (medianMs / plain).toFixed(3) };
  });
  db.close();
  return [{ name: `${name}: one sum of all usage`, medianMs: plain, ratio: '1' }, ...rows];
}

/** How long a reserve waits while old rows are rolled up in steps of 25 holds. */
async function benchRollUp(file: string): Promise<Row[]> {
  const state = await openEmbeddedState({ file, now: () => AT });
  const which = { before: AT - 30 * 86_400_000, unknownsBefore: 0 };
  const steps: number[] = [];
  const beside: number[] = [];
  for (let turn = 0; turn < 100; turn += 1) {
    const rolled = timed(() => state.rollUp(which, 25));
    beside.push(await timed(() => state.reserve([hold(turn)])));
    steps.push(await rolled);
  }
  await state.close();
  const [step, reserve] = [median(steps), median(beside)];
  return [
    { name: '1,000,000 rows: roll-up of 25 holds', medianMs: step, ratio: '1' },
    { name: '1,000,000 rows: reserve behind one', medianMs: reserve, ratio: (reserve / step).toFixed(3) },
  ];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
