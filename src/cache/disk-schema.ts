/**
 * Heads have a table of their own: what is summed up at a start, and looked through for whom to evict, must not have to
 * page through them.
 */
export const SCHEMA_STEPS: readonly string[] = [
  `
  CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    model TEXT NOT NULL,
    head_bytes INTEGER NOT NULL,
    bytes INTEGER NOT NULL,          -- with its blobs: what it counts for in its scope
    created INTEGER NOT NULL,        -- unix ms
    expires INTEGER NOT NULL,
    used INTEGER NOT NULL,           -- rises with every use
    hits INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX entry_by_use ON entry (used);
  CREATE INDEX entry_by_scope ON entry (scope, used, bytes);
  CREATE INDEX entry_by_end ON entry (expires);

  CREATE TABLE head (entry INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;

  CREATE TABLE blob (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    bytes INTEGER NOT NULL,
    holders INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE holding (entry INTEGER NOT NULL, blob INTEGER NOT NULL, PRIMARY KEY (entry, blob)) STRICT, WITHOUT ROWID;

  -- Which request an Idempotency-Key stands for.
  CREATE TABLE claim (
    name TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    pictures TEXT NOT NULL,
    ends INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX claim_by_end ON claim (ends);
  `,
  `
  CREATE TABLE task (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    record TEXT NOT NULL,
    ends INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX task_by_end ON task (ends);
  `,
  `
  -- Pinned entries stay until they expire: whoever looks for what may go does not come by them.
  ALTER TABLE entry ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
  DROP INDEX entry_by_use;
  CREATE INDEX entry_by_use ON entry (used) WHERE pinned = 0;
  DROP INDEX entry_by_scope;
  CREATE INDEX entry_by_scope ON entry (scope, pinned, used, bytes);
  `,
];
