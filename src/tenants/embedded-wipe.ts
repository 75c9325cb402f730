import { conflict } from './registry-lookup.ts';
import type { Database } from '../sqlite.ts';

/** What the trail and the registry's tables say of a tenant, taken out of them within the caller's transaction. */
export interface Wipe {
  /** Throws GatewayError (409) while the tenant has pictures in the air. */
  mustHaveLanded(tenant: string): void;
  /** Removes its keys and lines that were written before a revision; their accounts go with its last picture. */
  removeRecords(tenant: string, before: number): void;
  /**
   * Takes its names, those of its keys and all they were set to out of the rows of the trail, under the row that says that
   * it is forgotten. Must come before its records and its holds go: they say which keys are its own.
   */
  wipeTrail(tenant: string): void;
  /** Places in the trail of Redis of rows that say nothing any more here. */
  wipedOrigins(): readonly string[];
}

export function wipeIn(db: Database): Wipe {
  const flying = db.prepare(
    `SELECT 1 FROM hold CROSS JOIN attribution AS who ON who.id = attribution
     WHERE state = 'held' AND tenant = ? LIMIT 1`,
  );
  const theirs = "FROM registry WHERE kind <> 'tenant' AND body ->> 'tenant' = ? AND revision < ?";
  const listGone = db.prepare(`INSERT OR IGNORE INTO gone SELECT DISTINCT body ->> 'tenant', id ${theirs}`);
  const remove = db.prepare(`DELETE ${theirs}`);
  const forgetRow = db.prepare(
    `SELECT max(seq) AS seq FROM audit WHERE action = 'tenant.forget' AND result = 'done' AND subject = ?`,
  );
  const list = db.prepare(`
    INSERT OR IGNORE INTO wiping
    WITH named AS (
      SELECT 'tenant ' || :tenant AS subject
      UNION SELECT 'key ' || id FROM registry WHERE kind <> 'tenant' AND body ->> 'tenant' = :tenant
      UNION SELECT 'key ' || key_id FROM attribution WHERE tenant = :tenant AND key_id <> ''
    )
    SELECT seq, :forget FROM audit JOIN named USING (subject) WHERE action <> 'tenant.forget' OR result <> 'done'
    UNION
    SELECT audit.seq, :forget FROM audit, json_tree(audit.after) AS said
    WHERE audit.subject = 'ledger' AND said.type = 'text' AND EXISTS (
      SELECT 1 FROM hold JOIN attribution AS who ON who.id = hold.attribution
      WHERE hold.id = said.value AND who.tenant = :tenant
    )`);
  const wipe = db.prepare(
    `UPDATE audit SET subject = iif(subject = 'ledger', 'ledger', 'forgotten'), before = NULL, after = NULL
     WHERE seq IN (SELECT audit FROM wiping)`,
  );
  const end = db.prepare('DELETE FROM wiping');
  const origins = db.prepare(
    `SELECT origin FROM audit WHERE origin IS NOT NULL
       AND (subject = 'forgotten' OR (subject = 'ledger' AND result = 'done' AND after IS NULL))`,
  );

  return {
    mustHaveLanded(tenant) {
      if (flying.get(tenant) !== undefined)
        throw conflict(
          'in_the_air',
          `The tenant ${tenant} has pictures in the air: take its keys away, and ask again when they have landed.`,
        );
    },
    removeRecords(tenant, before) {
      listGone.run(tenant, BigInt(before));
      remove.run(tenant, BigInt(before));
    },
    wipeTrail(tenant) {
      const { seq = null } = forgetRow.get(`tenant ${tenant}`) ?? {};
      if (seq === null) return;
      list.run({ tenant, forget: BigInt(seq as number) });
      wipe.run();
      end.run();
    },
    wipedOrigins: () => origins.all().map((row) => String(row['origin'])),
  };
}
