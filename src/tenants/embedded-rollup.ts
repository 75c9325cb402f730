import type { Wipe } from './embedded-wipe.ts';
import type { Database } from '../sqlite.ts';
import type { RollUp } from './state.ts';

/** What a step took away. */
export interface Rolled {
  readonly holds: number;
  /** Whether the next step may find more to do. */
  readonly more: boolean;
}

/** Old holds become sums, a step at a time, each of them a part of one commit: a crash leaves whole steps. */
export interface RollUps {
  rollUp(which: RollUp, most: number, at: number): Rolled;
  /** Throws `invalid_request` while the tenant has pictures in the air. */
  forget(tenant: string, most: number, at: number): Rolled;
  /** Drops the accounts of keys that are gone, where nothing is left of their tenant but that. */
  dropKeyAccounts(tenant: string, at: number): void;
  keysOf(tenant: string): KeysOf;
  /** These keys are a tenant's that is being forgotten: others have seen it draw with them. */
  named(tenant: string, keys: readonly string[]): void;
}

/** A tenant's keys, and the names of their accounts. */
export interface KeysOf {
  readonly keys: readonly string[];
  readonly accounts: readonly string[];
}

type Reason = 'retention' | 'forget';
type Words = Readonly<Record<string, string | bigint>>;

/** What of an attribution stays with the sums: its keys do until their tenant is forgotten, its users and tags do not. */
const STAYS = {
  retention: "tenant, key_id, model, upstream, tier, '', '{}'",
  forget: "tenant, '', model, upstream, tier, '', '{}'",
} as const satisfies Record<Reason, string>;

/** Whether a column has the name of an account of a key. A tenant called "key" has some that begin alike, a word shorter. */
const ofKey = (column: string): string =>
  `substr(${column}, 1, length(:begins)) = :begins AND ${column} >= :begins AND json_array_length(${column}) = 6`;
const accountsBegin = (key: string): string => `${JSON.stringify(['key', key]).slice(0, -1)},`;

/** What was taken over from a Redis as a sum for such an account is a hold of nobody, by the account's name. */
const CARRIED = `hold WHERE id BETWEEN 'carried:' AND 'carried;' AND EXISTS (
  SELECT 1 FROM hold_account JOIN gone ON substr(account, 1, length(key_id) + 10) = '["key","' || key_id || '",'
  WHERE hold = hold.id AND tenant = :tenant)`;

const COLUMNS = 'tenant, key_id, model, upstream, tier, user, tags';
/** For sums kept by attribution: those of a list of attributions go over to coarse ones. */
const MOVED = 'SELECT attribution, coarse FROM moving';

export function rollUpsIn(db: Database, wipe: Wipe): RollUps {
  // A step is rare: its statements are prepared when it is taken. It is of few holds in a large file: CROSS JOIN begins
  // with them, https://www.sqlite.org/optoverview.html#manual_control_of_query_plans_using_cross_join.
  const run = (sql: string, words: Words = {}): number => Number(db.prepare(sql).run(words).changes);
  const sums = (sql: string, words: Words = {}): Readonly<Record<string, bigint>> => {
    const statement = db.prepare(sql);
    statement.setReadBigInts(true);
    return (statement.get(words) ?? {}) as Readonly<Record<string, bigint>>;
  };

  db.exec(`CREATE TEMP TABLE moving (attribution INTEGER PRIMARY KEY, coarse INTEGER NOT NULL) STRICT`);

  /** Fills `moving` with the attributions that `list` selects, and what becomes of each. */
  function move(reason: Reason, list: string, words: Words): number {
    run('DELETE FROM moving');
    const listed = `SELECT * FROM attribution WHERE id IN (${list})`;
    run(
      `INSERT INTO attribution (${COLUMNS}) SELECT DISTINCT ${STAYS[reason]} FROM (${listed}) WHERE true
       ON CONFLICT DO NOTHING`,
      words,
    );
    return run(
      `INSERT INTO moving SELECT fine.id, coarse.id FROM (${listed}) AS fine CROSS JOIN attribution AS coarse
       ON (${COLUMNS.replaceAll(/(\w+)/g, 'coarse.$1')}) = (${STAYS[reason].replaceAll(/\b([a-z]\w*)/g, 'fine.$1')})`,
      words,
    );
  }

  /** Sums in a table by day and attribution go over to what is in `moving`: how many rows of sums. */
  function moveSums(
    table: 'usage' | 'base_usage' | 'saved',
    kind: string,
    columns: readonly string[],
    which: string,
  ): number {
    const add = columns.map((column) => `${column} = ${table}.${column} + excluded.${column}`).join(', ');
    const fine = table === 'saved' ? { into: ', fine', from: ', 0' } : { into: '', from: '' };
    run(
      `INSERT INTO ${table} (day, attribution, ${kind}${fine.into}, ${columns.join(', ')})
       SELECT day, coarse, ${kind}${fine.from}, ${columns.map((column) => `sum(${column})`).join(', ')}
       FROM (${MOVED} WHERE attribution <> coarse) CROSS JOIN ${table} USING (attribution) WHERE ${which} GROUP BY 1, 2, 3
       ON CONFLICT DO UPDATE SET ${add}`,
    );
    return run(
      `DELETE FROM ${table} WHERE attribution IN (SELECT attribution FROM moving WHERE attribution <> coarse)
       AND ${which}`,
    );
  }

  /** What is in `moving` goes, as far as nothing is put down to it any more: how many of them. */
  function dropUnused(): number {
    const used = ['hold', 'usage', 'base_usage', 'saved'].map(
      (table) => `AND NOT EXISTS (SELECT 1 FROM ${table} WHERE attribution = attribution_row.id)`,
    );
    return run(
      `DELETE FROM attribution AS attribution_row
       WHERE id IN (SELECT attribution FROM moving WHERE attribution <> coarse) ${used.join(' ')}`,
    );
  }

  /** Takes away the holds that `from` selects, at most `most`, and keeps what they came to. */
  function roll(reason: Reason, from: string, words: Words, most: number, at: number): number {
    const { seq } = sums('SELECT coalesce(max(seq), 0) + 1 AS seq FROM rollup');
    const holds = run(
      `INSERT INTO rolling (hold, rollup, day, attribution, rows, outcome, pictures, tokens, spent)
       SELECT id, ${seq}, day, attribution, rows, outcome, pictures, tokens, spent FROM (
         SELECT old.*, count(*) AS rows, max(seq), ledger.outcome, sum(pictures) AS pictures, sum(tokens) AS tokens,
           sum(delta_spent) AS spent
         FROM (
           SELECT hold.id, date(hold.at / 1000, 'unixepoch') AS day, hold.attribution FROM ${from} LIMIT :most
         ) AS old CROSS JOIN ledger ON hold = old.id GROUP BY old.id
       )`,
      { ...words, most: BigInt(most) },
    );
    if (holds === 0) return 0;
    move(reason, 'SELECT attribution FROM rolling', {});
    run('UPDATE rolling SET coarse = moving.coarse FROM moving WHERE moving.attribution = rolling.attribution');
    const taken = sums('SELECT count(*) AS holds, sum(rows) AS rows, sum(spent) AS spent FROM rolling');
    const accounts = sums(
      'SELECT coalesce(sum(spent), 0) AS spent FROM rolling CROSS JOIN hold_account ON hold_account.hold = rolling.hold',
    );
    record(reason, at, { ...taken, accountSpent: accounts['spent']! });

    run(
      `INSERT INTO base_account (account, spent)
       SELECT account, sum(spent) FROM rolling CROSS JOIN hold_account ON hold_account.hold = rolling.hold GROUP BY 1
       ON CONFLICT DO UPDATE SET spent = base_account.spent + excluded.spent`,
    );
    for (const [table, attribution, sign] of [
      ['base_usage', 'coarse', ''],
      ['usage', 'coarse', ''],
      ['usage', 'attribution', '-'],
    ] as const)
      run(
        `INSERT INTO ${table} (day, attribution, outcome, calls, pictures, tokens, spent)
         SELECT day, ${attribution}, outcome, ${sign}count(*), ${sign}sum(pictures), ${sign}sum(tokens), ${sign}sum(spent)
         FROM rolling GROUP BY 1, 2, 3
         ON CONFLICT DO UPDATE SET calls = ${table}.calls + excluded.calls,
           pictures = ${table}.pictures + excluded.pictures, tokens = ${table}.tokens + excluded.tokens,
           spent = ${table}.spent + excluded.spent`,
      );
    run(
      `DELETE FROM usage WHERE attribution IN (SELECT attribution FROM rolling)
       AND calls = 0 AND pictures = 0 AND tokens = 0 AND spent = 0`,
    );
    for (const table of ['ledger', 'hold_account'])
      run(`DELETE FROM ${table} WHERE hold IN (SELECT hold FROM rolling)`);
    run('DELETE FROM hold WHERE id IN (SELECT hold FROM rolling)');
    run('DELETE FROM rolling');
    // What names a key is needed until the key's own budgets have gone.
    if (reason === 'retention') dropUnused();
    return holds;
  }

  function record(reason: Reason, at: number, taken: Readonly<Record<string, bigint>>): void {
    run(
      `INSERT INTO rollup (at, reason, holds, rows, spent, account_spent)
       VALUES (:at, '${reason}', :holds, :rows, :spent, :accountSpent)`,
      { at: BigInt(Math.trunc(at)), ...taken },
    );
  }

  /** The budgets of keys have the keys' names: they go with them, once no hold has them any more. */
  function dropKeyAccounts(tenant: string, at: number): void {
    const own = 'SELECT 1 FROM attribution AS who CROSS JOIN hold ON attribution = who.id WHERE tenant = :tenant';
    for (const left of [own, `SELECT 1 FROM ${CARRIED}`]) if (db.prepare(left).get({ tenant }) !== undefined) return;
    for (const { key_id } of db.prepare('SELECT key_id FROM gone WHERE tenant = ?').all(tenant)) {
      const words = { begins: accountsBegin(String(key_id)) };
      const { spent } = sums(
        `SELECT coalesce(sum(spent), 0) AS spent FROM base_account WHERE ${ofKey('account')}`,
        words,
      );
      const dropped = run(`DELETE FROM base_account WHERE ${ofKey('account')}`, words);
      if (dropped > 0) record('forget', at, { holds: 0n, rows: 0n, spent: 0n, accountSpent: -spent! });
      run(`DELETE FROM account WHERE ${ofKey('key')}`, words);
    }
    run('DELETE FROM gone WHERE tenant = :tenant', { tenant });
  }

  return {
    dropKeyAccounts,
    keysOf(tenant) {
      const found = db.prepare(
        `SELECT key_id FROM gone WHERE tenant = :tenant
         UNION SELECT key_id FROM attribution WHERE tenant = :tenant AND key_id <> ''`,
      );
      const names = db.prepare(`SELECT key FROM account WHERE ${ofKey('key')}`);
      const keys = found.all({ tenant }).map(({ key_id }) => String(key_id));
      const accounts = keys.flatMap((key) => names.all({ begins: accountsBegin(key) })).map(({ key }) => String(key));
      return { keys, accounts };
    },
    named(tenant, keys) {
      const insert = db.prepare('INSERT OR IGNORE INTO gone VALUES (?, ?)');
      for (const key of keys) insert.run(tenant, key);
    },
    rollUp({ before, unknownsBefore }, most, at) {
      const words = { before: BigInt(Math.trunc(before)) };
      const known = "hold WHERE ended_at < :before AND outcome <> 'unknown' ORDER BY ended_at, id";
      const told = roll('retention', known, words, most, at);
      if (told === most) return { holds: told, more: true };
      const late = { before: BigInt(Math.trunc(unknownsBefore)) };
      const untold = "hold WHERE at < :before AND outcome = 'unknown' ORDER BY at, id";
      const unknown = roll('retention', untold, late, most - told, at);
      if (told + unknown === most) return { holds: most, more: true };
      const day = new Date(before).toISOString().slice(0, 'yyyy-mm-dd'.length);
      const list = 'SELECT DISTINCT attribution FROM saved WHERE fine = 1 AND day < :day LIMIT :most';
      const moved = move('retention', list, { day, most: BigInt(most) });
      const rows = moveSums('saved', 'how', ['calls', 'nanos', 'ms'], `day < '${day}'`);
      dropUnused();
      return { holds: told + unknown, more: moved === most && rows > 0 };
    },

    forget(tenant, most, at) {
      wipe.mustHaveLanded(tenant);
      // Corrections name holds, and some words for them.
      wipe.wipeTrail(tenant);
      run(
        `INSERT OR IGNORE INTO gone SELECT DISTINCT tenant, key_id FROM attribution
         WHERE tenant = :tenant AND key_id <> ''`,
        { tenant },
      );
      const theirs = 'attribution AS who CROSS JOIN hold ON hold.attribution = who.id WHERE tenant = :tenant';
      const holds = roll('forget', theirs, { tenant }, most, at);
      if (holds === most) return { holds, more: true };
      if (roll('forget', CARRIED, { tenant }, most, at) === most) return { holds, more: true };
      const list = `SELECT id FROM attribution WHERE tenant = :tenant AND NOT (key_id = '' AND user = '' AND tags = '{}') LIMIT :most`;
      const moved = move('forget', list, { tenant, most: BigInt(most) });
      dropKeyAccounts(tenant, at);
      for (const table of ['usage', 'base_usage'] as const)
        moveSums(table, 'outcome', ['calls', 'pictures', 'tokens', 'spent'], 'true');
      moveSums('saved', 'how', ['calls', 'nanos', 'ms'], 'true');
      const gone = dropUnused();
      // In a damaged file some cannot go: nobody waits for them.
      return { holds, more: moved === most && gone > 0 };
    },
  };
}
