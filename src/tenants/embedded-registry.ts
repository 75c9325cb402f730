import type { Database } from '../sqlite.ts';
import type { AuditEntry, AuditQuery, AuditRow, RecordName, RegistryRecord, RegistryWrite } from './registry-store.ts';
import type { JsonMap } from './settings.ts';
import type { Wipe } from './embedded-wipe.ts';

/** A step of the schema: see embedded-schema.ts. */
export const REGISTRY_STEP = `
  CREATE TABLE registry (
    kind     TEXT    NOT NULL CHECK (kind IN ('tenant', 'line', 'key')),
    id       TEXT    NOT NULL,
    revision INTEGER NOT NULL CHECK (revision > 0),
    body     TEXT    NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX registry_revision ON registry (revision);

  CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    before  TEXT    CHECK (json_valid(before)),
    after   TEXT    CHECK (json_valid(after)),
    amount  INTEGER,
    source  TEXT    NOT NULL,
    request TEXT    NOT NULL,
    result  TEXT    NOT NULL
  ) STRICT;
  CREATE INDEX audit_subject ON audit (subject, seq);
  CREATE TRIGGER audit_rows_stay BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit rows are never deleted'); END;
  CREATE TRIGGER audit_rows_stand BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit rows are never changed'); END;
`;

/** A record as it is kept, with its JSON unread: a start has thousands of them. */
export interface RegistryRow {
  readonly revision: number;
  readonly body: string;
}

export interface RegistryRows {
  readonly revision: number;
  readonly rows: readonly RegistryRow[];
}

/** The registry's tables, within the caller's transaction. */
export interface EmbeddedRegistry {
  load(since: number): RegistryRows;
  write(change: RegistryWrite): number | null;
  audit(query: AuditQuery): readonly AuditRow[];
  /** `origin`: its place in the trail it was copied from, from where it is copied once. */
  note(entry: AuditEntry, origin?: string): void;
  /** A record as it was written elsewhere. */
  put(record: RegistryRecord, revision: number): void;
}

export function registryIn(db: Database, wipe: Wipe): EmbeddedRegistry {
  const selectRevision = db.prepare('SELECT coalesce(max(revision), 0) AS revision FROM registry');
  const selectSince = db.prepare('SELECT revision, body FROM registry WHERE revision > ? ORDER BY revision, kind, id');
  const selectOne = db.prepare('SELECT revision FROM registry WHERE kind = ? AND id = ?');
  const upsert = db.prepare(
    `INSERT INTO registry (kind, id, revision, body) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET revision = excluded.revision, body = excluded.body`,
  );
  const insertRow = db.prepare(
    `INSERT INTO audit (at, actor, action, subject, before, after, amount, source, request, result, origin)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (origin) WHERE origin IS NOT NULL DO NOTHING`,
  );
  const selectRows = db.prepare(
    `SELECT * FROM audit WHERE seq < :before AND (:subject IS NULL OR subject = :subject) ORDER BY seq DESC LIMIT :limit`,
  );

  const revisionOf = ({ kind, id }: RecordName): number => Number(selectOne.get(kind, id)?.['revision'] ?? 0);
  const current = (): number => Number(selectRevision.get()?.['revision']);

  const put = (record: RegistryRecord, revision: number): void =>
    void upsert.run(record.kind, record.id, BigInt(revision), JSON.stringify(record));

  function note(entry: AuditEntry, origin: string | null = null): void {
    const { at, actor, action, subject, before, after, amountNanos, from, requestId, result } = entry;
    const amount = amountNanos === null ? null : BigInt(amountNanos);
    const states = [before, after].map((state) => (state === null ? null : JSON.stringify(state)));
    insertRow.run(BigInt(Math.trunc(at)), actor, action, subject, ...states, amount, from, requestId, result, origin);
  }

  return {
    note,
    put,
    load: (since) => ({
      revision: current(),
      rows: selectSince.all(BigInt(since)).map((row) => ({
        revision: Number(row['revision']),
        body: String(row['body']),
      })),
    }),
    write({ expected, records, audit, forgets }) {
      if (forgets !== undefined) wipe.mustHaveLanded(forgets.tenant);
      if (expected.some((record) => revisionOf(record) !== record.revision)) return null;
      const revision = current() + (records.length > 0 ? 1 : 0);
      for (const record of records) put(record, revision);
      note(audit);
      if (forgets !== undefined) {
        wipe.wipeTrail(forgets.tenant);
        wipe.removeRecords(forgets.tenant, revision);
      }
      return revision;
    },
    audit: ({ limit, before, subject }) => selectRows.all({ before: placeOf(before), subject, limit }).map(auditRow),
  };
}

/** What is no place in this trail has nothing before it. */
function placeOf(before: string | null): bigint {
  if (before === null) return BigInt(Number.MAX_SAFE_INTEGER);
  return /^\d{1,15}$/.test(before) ? BigInt(before) : 0n;
}

function auditRow(row: Readonly<Record<string, unknown>>): AuditRow {
  const state = (name: string): JsonMap | null =>
    typeof row[name] === 'string' ? (JSON.parse(row[name]) as JsonMap) : null;
  return {
    seq: String(row['seq']),
    at: Number(row['at']),
    actor: String(row['actor']),
    action: String(row['action']),
    subject: String(row['subject']),
    before: state('before'),
    after: state('after'),
    amountNanos: row['amount'] === null ? null : Number(row['amount']),
    from: String(row['source']),
    requestId: String(row['request']),
    result: String(row['result']),
  };
}
