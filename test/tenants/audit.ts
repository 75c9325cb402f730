import { DatabaseSync } from 'node:sqlite';

/** What a ledger's file says, recomputed from its rows by other code than wrote them. */
export interface Audit {
  /** Everything that does not add up, in words. */
  readonly faults: readonly string[];
  readonly rows: readonly LedgerRow[];
  readonly holds: ReadonlyMap<string, string>;
}

export interface LedgerRow {
  readonly hold: string;
  readonly tenant: string;
  readonly key_id: string;
  readonly model: string;
  readonly upstream: string;
  readonly tier: string;
  readonly user: string;
  readonly tags: string;
  readonly kind: string;
  readonly delta_held: number;
  readonly delta_spent: number;
  readonly outcome: string | null;
}

export function audit(file: string): Audit {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const all = (sql: string) => db.prepare(sql).all();
    const faults = [
      ...all('PRAGMA integrity_check').filter((row) => row['integrity_check'] !== 'ok'),
      ...all('PRAGMA foreign_key_check'),
      ...all(`SELECT key, spent, held, sum(delta_spent), sum(delta_held) FROM account
        JOIN (SELECT account, delta_spent, delta_held FROM hold_account JOIN ledger USING (hold)
          UNION ALL SELECT account, spent, 0 FROM base_account) ON account = key
        GROUP BY key HAVING spent <> sum(delta_spent) OR held <> sum(delta_held)`),
      ...all(`SELECT key, held FROM account LEFT JOIN hold_account ON account = key
        LEFT JOIN hold ON id = hold AND state = 'held' GROUP BY key HAVING held <> coalesce(sum(worst), 0)`),
      ...all(`SELECT id, state, sum(delta_held) AS held FROM hold JOIN ledger ON hold = id GROUP BY id
        HAVING held <> iif(state = 'held', worst, 0) OR sum(kind = 'reserve') <> 1 OR sum(kind = 'settle') > 1`),
    ].map((row) => JSON.stringify(row));
    const rows = all(`SELECT ledger.*, tenant, key_id, model, upstream, tier, user, tags
      FROM ledger JOIN attribution ON attribution.id = attribution ORDER BY seq`) as unknown as LedgerRow[];
    const holds = new Map(all('SELECT id, state FROM hold').map(({ id, state }) => [String(id), String(state)]));
    return { faults, rows, holds };
  } finally {
    db.close();
  }
}
