import type { Database } from '../sqlite.ts';
import { LAST_DAY } from './ledger-usage.ts';
import type { UsageQuery } from './ledger-usage.ts';

/** An attempt that was charged its worst case because nobody could tell its cost. */
export interface UnknownCharge {
  readonly hold: string;
  /** Unix ms: when it was begun. */
  readonly at: number;
  readonly tenant: string;
  readonly key: string;
  readonly model: string;
  readonly upstream: string;
  readonly nanos: bigint;
}

/** All of them that were begun in the time asked for, oldest first. */
export function readUnknowns(
  db: Database,
  { upstream, since, until }: Pick<UsageQuery, 'upstream' | 'since' | 'until'>,
): readonly UnknownCharge[] {
  const rows = db
    .prepare(
      `SELECT hold.id, at, tenant, key_id, model, upstream, charged
       FROM hold JOIN attribution AS who ON who.id = attribution
       WHERE outcome = 'unknown' AND date(at / 1000, 'unixepoch') BETWEEN :since AND :until
         AND (:upstream IS NULL OR upstream = :upstream)
       ORDER BY at`,
    )
    .all({ since: since ?? '', until: until ?? LAST_DAY, upstream });
  return rows.map((row) => ({
    hold: String(row['id']),
    at: Number(row['at']),
    tenant: String(row['tenant']),
    key: String(row['key_id']),
    model: String(row['model']),
    upstream: String(row['upstream']),
    nanos: row['charged'] as bigint,
  }));
}
