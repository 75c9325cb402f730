import { REGISTRY_STEP } from './embedded-registry.ts';
import { FORGET_STEP } from './embedded-schema-forget.ts';
import { MONEY_STEP } from './embedded-schema-money.ts';

/**
 * The ledger's tables, as the steps that lead to them: step n takes a file from `user_version` n to n + 1. A step that
 * was published is never changed; a new shape is a new step.
 *
 * Amounts are nano-dollars, times unix ms, days those of UTC in which a picture was begun. An account's balance, a
 * hold's state and the sums of `usage` are kept for speed: all of them follow from the ledger's rows, which are only
 * ever added to, and from what old rows were rolled up to.
 */
export const SCHEMA_STEPS: readonly string[] = [
  `
  CREATE TABLE account (
    key   TEXT    PRIMARY KEY,
    spent INTEGER NOT NULL CHECK (spent BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER}),
    held  INTEGER NOT NULL CHECK (held BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER})
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE hold (
    id     TEXT    PRIMARY KEY,
    tenant TEXT    NOT NULL,
    key_id TEXT    NOT NULL,
    model  TEXT    NOT NULL,
    worst  INTEGER NOT NULL CHECK (worst BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER}),
    state  TEXT    NOT NULL CHECK (state IN ('held', 'settled', 'released', 'expired'))
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX hold_open ON hold (id) WHERE state = 'held';

  CREATE TABLE hold_account (
    hold    TEXT NOT NULL REFERENCES hold (id),
    account TEXT NOT NULL REFERENCES account (key),
    PRIMARY KEY (hold, account)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE ledger (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    tenant      TEXT    NOT NULL,
    key_id      TEXT    NOT NULL,
    model       TEXT    NOT NULL,
    hold        TEXT    NOT NULL REFERENCES hold (id),
    kind        TEXT    NOT NULL,
    delta_held  INTEGER NOT NULL,
    delta_spent INTEGER NOT NULL,
    outcome     TEXT,
    CHECK (CASE kind
      WHEN 'reserve' THEN delta_held >= 0 AND delta_spent = 0 AND outcome IS NULL
      WHEN 'settle'  THEN delta_held <= 0 AND outcome IS NOT NULL
      WHEN 'release' THEN delta_held <= 0 AND delta_spent = 0 AND outcome IS NULL
      WHEN 'expire'  THEN delta_held <= 0 AND delta_spent = -delta_held AND outcome = 'unknown'
      ELSE FALSE END)
  ) STRICT;
  CREATE TRIGGER ledger_rows_stay BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger rows are never deleted'); END;
  CREATE TRIGGER ledger_rows_stand BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger rows are never changed'); END;
  `,
  // Who caused a cost, how long a hold may last, and what usage is summed up from. What has no name here is ''.
  `
  CREATE TABLE attribution (
    id       INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL,
    key_id   TEXT NOT NULL,
    model    TEXT NOT NULL,
    upstream TEXT NOT NULL DEFAULT '',
    tier     TEXT NOT NULL DEFAULT '',
    user     TEXT NOT NULL DEFAULT '',
    tags     TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(tags)),
    UNIQUE (tenant, key_id, model, upstream, tier, user, tags)
  ) STRICT;
  INSERT INTO attribution (tenant, key_id, model) SELECT DISTINCT tenant, key_id, model FROM hold;

  ALTER TABLE hold ADD COLUMN attribution INTEGER REFERENCES attribution (id);
  ALTER TABLE hold ADD COLUMN at          INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE hold ADD COLUMN lease_until INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE hold ADD COLUMN outcome     TEXT;
  ALTER TABLE hold ADD COLUMN charged     INTEGER NOT NULL DEFAULT 0
    CHECK (charged BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER});
  ALTER TABLE hold ADD COLUMN pictures    INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE hold ADD COLUMN tokens      INTEGER NOT NULL DEFAULT 0;
  UPDATE hold SET attribution = who.id FROM attribution AS who
    WHERE (who.tenant, who.key_id, who.model) = (hold.tenant, hold.key_id, hold.model);
  UPDATE hold SET at = told.at, lease_until = told.at, charged = told.charged, outcome =
      CASE hold.state WHEN 'held' THEN NULL WHEN 'expired' THEN 'unknown' WHEN 'released' THEN 'released' ELSE told.outcome END
    FROM (
      SELECT hold, max(iif(kind = 'reserve', at, NULL)) AS at, sum(delta_spent) AS charged, max(iif(kind = 'settle', outcome, NULL)) AS outcome
      FROM ledger GROUP BY hold
    ) AS told WHERE told.hold = hold.id;

  CREATE TABLE ledger_2 (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    attribution INTEGER NOT NULL REFERENCES attribution (id),
    hold        TEXT    NOT NULL REFERENCES hold (id),
    kind        TEXT    NOT NULL,
    delta_held  INTEGER NOT NULL,
    delta_spent INTEGER NOT NULL,
    outcome     TEXT,
    pictures    INTEGER NOT NULL,
    tokens      INTEGER NOT NULL,
    CHECK (CASE kind
      WHEN 'reserve' THEN delta_held >= 0 AND delta_spent = 0 AND outcome IS NULL
      WHEN 'settle'  THEN delta_held <= 0 AND outcome IS NOT NULL
      WHEN 'release' THEN delta_held <= 0 AND delta_spent = 0 AND outcome IS NOT NULL
      WHEN 'expire'  THEN delta_held <= 0 AND delta_spent = -delta_held AND outcome = 'unknown'
      WHEN 'refund'  THEN delta_held = 0 AND delta_spent <= 0 AND outcome IS NOT NULL
      ELSE FALSE END)
  ) STRICT;
  INSERT INTO ledger_2
    SELECT seq, row.at, hold.attribution, hold, kind, delta_held, delta_spent,
      iif(kind = 'release', 'released', row.outcome), 0, 0
    FROM ledger AS row JOIN hold ON hold.id = row.hold ORDER BY seq;
  DROP TABLE ledger;
  ALTER TABLE ledger_2 RENAME TO ledger;
  CREATE TRIGGER ledger_rows_stay BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger rows are never deleted'); END;
  CREATE TRIGGER ledger_rows_stand BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger rows are never changed'); END;

  ALTER TABLE hold DROP COLUMN tenant;
  ALTER TABLE hold DROP COLUMN key_id;
  ALTER TABLE hold DROP COLUMN model;
  DROP INDEX hold_open;
  CREATE INDEX hold_open ON hold (lease_until) WHERE state = 'held';
  CREATE INDEX hold_unknown ON hold (at) WHERE outcome = 'unknown';

  CREATE TABLE usage (
    day         TEXT    NOT NULL,
    attribution INTEGER NOT NULL REFERENCES attribution (id),
    outcome     TEXT    NOT NULL,
    calls       INTEGER NOT NULL,
    pictures    INTEGER NOT NULL,
    tokens      INTEGER NOT NULL,
    spent       INTEGER NOT NULL,
    PRIMARY KEY (day, attribution, outcome)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO usage
    SELECT date(at / 1000, 'unixepoch'), attribution, outcome, count(*), 0, 0, sum(charged)
    FROM hold WHERE outcome IS NOT NULL GROUP BY 1, 2, 3;
  `,
  REGISTRY_STEP,
  MONEY_STEP,
  FORGET_STEP,
];
