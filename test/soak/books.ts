import { DatabaseSync } from 'node:sqlite';

/** A ledger as the checks read it: by other code than wrote it. */
export interface Books {
  readonly holds: readonly Hold[];
  /** Every change of an account, in the order of the ledger. */
  readonly history: readonly Change[];
  readonly accounts: readonly Account[];
}

export interface Hold {
  readonly id: string;
  readonly tenant: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly state: string;
  readonly outcome: string | null;
  readonly worst: number;
  readonly charged: number;
  /** Unix milliseconds of its last row. */
  readonly at: number;
}

export interface Change {
  readonly account: string;
  readonly hold: string;
  readonly kind: string;
  readonly held: number;
  readonly spent: number;
}

export interface Account {
  readonly key: string;
  readonly spent: number;
  readonly held: number;
}

export function readBooks(file: string): Books {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
  try {
    const all = (sql: string): unknown => db.prepare(sql).all();
    const holds = all(`
      SELECT hold.id, tenant, tags, state, hold.outcome, worst, charged, max(ledger.at) AS at
      FROM hold JOIN attribution AS who ON who.id = hold.attribution JOIN ledger ON ledger.hold = hold.id GROUP BY hold.id`) as readonly (Omit<
      Hold,
      'tags'
    > & { readonly tags: string })[];
    return {
      holds: holds.map((hold) => ({ ...hold, tags: JSON.parse(hold.tags) as Record<string, string> })),
      history: all(`
        SELECT account, hold, kind, delta_held AS held, delta_spent AS spent
        FROM ledger JOIN hold_account USING (hold) ORDER BY seq`) as readonly Change[],
      accounts: all('SELECT key, spent, held FROM account ORDER BY key') as readonly Account[],
    };
  } finally {
    db.close();
  }
}
