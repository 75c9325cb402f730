import type { Database } from '../sqlite.ts';
import type { EmbeddedRegistry, RegistryRow } from './embedded-registry.ts';
import type { RollUps } from './embedded-rollup.ts';
import type { Wipe } from './embedded-wipe.ts';
import { nameOf } from './registry-store.ts';
import type { AuditEntry, Stored } from './registry-store.ts';

/** How far a copy has followed the registry in Redis. */
export interface CopiedTo {
  readonly revision: number;
  readonly token: string;
}

/** What was read of the registry in Redis, to be written down here. */
export interface ToCopy {
  readonly records: readonly Stored[];
  /** Null: as it was. */
  readonly position: CopiedTo | null;
  readonly trail: readonly { readonly origin: string; readonly entry: AuditEntry }[];
}

export interface Copied {
  /** Null: what is here was never read from a Redis. */
  readonly position: CopiedTo | null;
  /** Of the last row of the trail that was read; '-' before the first. */
  readonly trail: string;
  readonly rows: readonly RegistryRow[];
}

/** The copy of a registry in Redis, in the registry's own tables. */
export interface RegistryCopyTables {
  read(): Copied;
  /** Once or twice is the same. Whether a tenant was forgotten by it. */
  copy(what: ToCopy): boolean;
}

export function registryCopyIn(
  db: Database,
  registry: EmbeddedRegistry,
  wipe: Wipe,
  rollUps: Pick<RollUps, 'dropKeyAccounts'>,
): RegistryCopyTables {
  const select = db.prepare('SELECT revision, token, trail FROM registry_copy');
  const follow = db.prepare('INSERT OR REPLACE INTO registry_copy (one, revision, token, trail) VALUES (1, ?, ?, ?)');
  const revisions = db.prepare('SELECT revision FROM registry WHERE kind = ? AND id = ?');
  const tombstone = db.prepare(
    `SELECT revision FROM registry WHERE kind = 'tenant' AND id = ? AND body ->> 'forgottenAt' IS NOT NULL`,
  );

  const drewWith = db.prepare("SELECT 1 FROM attribution WHERE tenant = ? AND key_id <> '' LIMIT 1");

  function position(): { readonly copied: CopiedTo | null; readonly trail: string } {
    const row = select.get();
    if (row === undefined) return { copied: null, trail: '-' };
    return {
      copied: { revision: Number(row['revision']), token: String(row['token']) },
      trail: String(row['trail']),
    };
  }

  function keep({ record, revision }: Stored): boolean {
    const known = Number(revisions.get(record.kind, record.id)?.['revision'] ?? 0);
    if (known >= revision) return false;
    if (record.kind !== 'tenant' && Number(tombstone.get(record.tenant)?.['revision'] ?? 0) > revision) return false;
    registry.put(record, revision);
    return record.kind === 'tenant' && record.forgottenAt !== undefined;
  }

  return {
    read() {
      const { copied, trail } = position();
      return { position: copied, trail, rows: registry.load(0).rows };
    },
    copy({ records, position: reached, trail }) {
      for (const { origin, entry } of trail) registry.note(entry, origin);
      const before = position();
      const last = trail.at(-1)?.origin ?? before.trail;
      const at = reached ?? before.copied;
      if (at !== null) follow.run(BigInt(at.revision), at.token, last);
      const forgotten = records.filter(keep);
      for (const { record, revision } of forgotten) {
        wipe.wipeTrail(record.id);
        wipe.removeRecords(record.id, revision);
        // Its pictures may be forgotten already, which comes by another way; else that needs to know the accounts.
        if (drewWith.get(record.id) === undefined) rollUps.dropKeyAccounts(record.id, forgottenAt(record));
      }
      return forgotten.length > 0;
    },
  };
}

function forgottenAt(record: Stored['record']): number {
  return record.kind === 'tenant' ? (record.forgottenAt ?? 0) : 0;
}

/** By name. */
export function byName(records: readonly Stored[]): Map<string, Stored> {
  return new Map(records.map((each) => [nameOf(each.record), each]));
}
