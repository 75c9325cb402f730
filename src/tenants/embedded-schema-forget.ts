/**
 * The step that lets a tenant be forgotten and a registry in Redis be lost.
 *
 * `registry` and `audit` are the registry itself, or, where `registry_copy` has its row, this instance's copy of the one in
 * Redis: up to which revision, by which token that is known from another one of the same number, and up to which entry of
 * the trail. `origin` is a row's place in that trail.
 * A row of the trail is changed in one way only, while it is listed in `wiping` under a row that says that its tenant is
 * forgotten: it loses whom it was about, and what it said of them.

 * `gone` has the keys of a tenant that is being forgotten, whose own accounts go when its last picture has.
 */
export const FORGET_STEP = `
  CREATE TABLE registry_copy (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL,
    token    TEXT    NOT NULL,
    trail    TEXT    NOT NULL
  ) STRICT;
  ALTER TABLE audit ADD COLUMN origin TEXT;
  CREATE UNIQUE INDEX audit_origin ON audit (origin) WHERE origin IS NOT NULL;

  CREATE TABLE wiping (
    audit  INTEGER PRIMARY KEY,
    forget INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE gone (
    tenant TEXT NOT NULL,
    key_id TEXT NOT NULL,
    PRIMARY KEY (tenant, key_id)
  ) STRICT, WITHOUT ROWID;
  DROP TRIGGER audit_rows_stand;
  CREATE TRIGGER audit_rows_stand BEFORE UPDATE ON audit
    WHEN NOT (
      EXISTS (
        SELECT 1 FROM wiping JOIN audit AS forget ON forget.seq = wiping.forget
        WHERE wiping.audit = OLD.seq AND forget.action = 'tenant.forget' AND forget.result = 'done'
      )
      AND NEW.subject IN ('forgotten', 'ledger') AND NEW.before IS NULL AND NEW.after IS NULL
      AND (NEW.seq, NEW.at, NEW.actor, NEW.action, NEW.source, NEW.request, NEW.result)
        = (OLD.seq, OLD.at, OLD.actor, OLD.action, OLD.source, OLD.request, OLD.result)
      AND NEW.amount IS OLD.amount AND NEW.origin IS OLD.origin
    )
    BEGIN SELECT RAISE(ABORT, 'audit rows are never changed'); END;
`;
