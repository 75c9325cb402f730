import { attributionsIn } from './embedded-attribution.ts';
import type { SavedSum } from './saved-tally.ts';
import type { Database } from '../sqlite.ts';

/** Sums of what was saved, as they travel: a number of its source counts once, however often it is sent. */
export interface SavedBatch {
  /** A run of a gateway. */
  readonly source: string;
  /** Rising within its source. */
  readonly number: number;
  readonly sums: readonly SavedSum[];
}

/** A batch is sent again within minutes; a source that was silent so long has ended. */
const FORGOTTEN_MS = 7 * 86_400_000;

/** Writes what the cache saved. `at` in unix ms. */
export function savedIn(db: Database): (batch: SavedBatch, at: number) => void {
  const attribute = attributionsIn(db);
  const last = db.prepare('SELECT number FROM saved_batch WHERE source = ?');
  const note = db.prepare(
    'INSERT INTO saved_batch VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET number = excluded.number, at = excluded.at',
  );
  const expire = db.prepare('DELETE FROM saved_batch WHERE at < ?');
  const add = db.prepare(
    `INSERT INTO saved (day, attribution, how, fine, calls, nanos, ms) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, nanos = nanos + excluded.nanos, ms = ms + excluded.ms`,
  );
  // What an instance had still to tell when its tenant was forgotten names nobody any more.
  const forgotten = db.prepare(
    `SELECT 1 FROM registry WHERE kind = 'tenant' AND id = ? AND date((body ->> 'forgottenAt') / 1000, 'unixepoch') >= ?`,
  );
  return ({ source, number, sums }, at) => {
    if (number <= Number(last.get(source)?.['number'] ?? 0)) return;
    expire.run(BigInt(Math.trunc(at - FORGOTTEN_MS)));
    note.run(source, BigInt(number), BigInt(Math.trunc(at)));
    for (const { day, how, calls, nanos, ms, ...asked } of sums) {
      const isForgotten = forgotten.get(asked.tenant, day) !== undefined;
      const who = isForgotten ? { ...asked, keyId: '', user: null, tags: {} } : asked;
      const fine = (who.user ?? '') !== '' || Object.keys(who.tags).length > 0 ? 1n : 0n;
      add.run(day, attribute(who), how, fine, BigInt(calls), BigInt(nanos), BigInt(Math.round(ms)));
    }
  };
}
