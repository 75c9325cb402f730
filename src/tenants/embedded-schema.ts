/**
 * The ledger's tables, as the steps that lead to them: step n takes a file from `user_version` n to n + 1. A step that
 * was published is never changed; a new shape is a new step.
 *
 * Amounts are nano-dollars. An account's balance and a hold's state are kept for speed: both follow from the ledger's
 * rows, which are only ever added to.
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
];
