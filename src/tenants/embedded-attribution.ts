import type { Database } from '../sqlite.ts';
import type { Attribution } from './state.ts';

/** Characters kept of an end user's name: four times what OpenAI lets it have. */
const MAX_USER = 256;

/** Finds or makes the row that says whom something is put down to; its id. */
export function attributionsIn(db: Database): (attribution: Attribution) => bigint {
  const insert = db.prepare(
    `INSERT INTO attribution (tenant, key_id, model, upstream, tier, user, tags) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  );
  const select = db.prepare(
    `SELECT id FROM attribution
     WHERE (tenant, key_id, model, upstream, tier, user, tags) = (?, ?, ?, ?, ?, ?, ?)`,
  );
  return ({ tenant, keyId, model, upstream, tier, user, tags }) => {
    const who = [tenant, keyId, model, upstream, tier ?? '', (user ?? '').slice(0, MAX_USER), JSON.stringify(tags)];
    insert.run(...who);
    return BigInt(Number(select.get(...who)?.['id']));
  };
}
