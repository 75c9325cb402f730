/**
 * The step that lets a ledger live: corrections by an operator, what the cache saved, and the roll-up of old holds.
 *
 * `lease_until` is from here on by a clock that is never set, which began with the process.
 * `base_account` and `base_usage` are what rolled-up holds came to: balances follow from them and the rows together. A row
 * leaves the ledger in one way only: its hold is listed in `rolling`, under a roll-up that is on record, in one
 * transaction with both. A roll-up says what it took away and not whose it was: a tenant may have been forgotten by it.
 * `saved` is no money: sums of what was answered without any. `fine` rows name a user or tags.
 */
export const MONEY_STEP = `
  ALTER TABLE hold ADD COLUMN ended_at INTEGER;
  UPDATE hold SET ended_at = (SELECT max(at) FROM ledger WHERE ledger.hold = hold.id) WHERE state <> 'held';

  CREATE TABLE ledger_next (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    attribution INTEGER NOT NULL,
    hold        TEXT    NOT NULL REFERENCES hold (id),
    kind        TEXT    NOT NULL,
    delta_held  INTEGER NOT NULL,
    delta_spent INTEGER NOT NULL,
    outcome     TEXT,
    pictures    INTEGER NOT NULL,
    tokens      INTEGER NOT NULL,
    adjustment  TEXT UNIQUE,
    reason      TEXT,
    CHECK (CASE kind
      WHEN 'reserve' THEN delta_held >= 0 AND delta_spent = 0 AND outcome IS NULL
      WHEN 'settle'  THEN delta_held <= 0 AND outcome IS NOT NULL
      WHEN 'release' THEN delta_held <= 0 AND delta_spent = 0 AND outcome IS NOT NULL
      WHEN 'expire'  THEN delta_held <= 0 AND delta_spent = -delta_held AND outcome = 'unknown'
      WHEN 'refund'  THEN delta_held = 0 AND delta_spent <= 0 AND outcome IS NOT NULL
      WHEN 'adjust'  THEN delta_held = 0 AND outcome IS NOT NULL
      ELSE FALSE END),
    CHECK ((kind = 'adjust') = (adjustment IS NOT NULL) AND (kind = 'adjust') = (reason IS NOT NULL))
  ) STRICT;
  INSERT INTO ledger_next SELECT *, NULL, NULL FROM ledger ORDER BY seq;
  DROP TABLE ledger;
  ALTER TABLE ledger_next RENAME TO ledger;
  CREATE INDEX ledger_hold ON ledger (hold);

  CREATE INDEX hold_attribution ON hold (attribution);
  CREATE INDEX hold_ended ON hold (ended_at) WHERE outcome <> 'unknown';
  CREATE INDEX usage_attribution ON usage (attribution);

  CREATE TABLE rollup (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    at            INTEGER NOT NULL,
    reason        TEXT    NOT NULL CHECK (reason IN ('retention', 'forget')),
    holds         INTEGER NOT NULL,
    rows          INTEGER NOT NULL,
    spent         INTEGER NOT NULL,
    account_spent INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE rolling (
    hold        TEXT    PRIMARY KEY,
    rollup      INTEGER NOT NULL,
    day         TEXT    NOT NULL,
    attribution INTEGER NOT NULL,
    coarse      INTEGER,
    rows        INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,
    pictures    INTEGER NOT NULL,
    tokens      INTEGER NOT NULL,
    spent       INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE base_account (
    account TEXT    PRIMARY KEY,
    spent   INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE base_usage (
    day         TEXT    NOT NULL,
    attribution INTEGER NOT NULL REFERENCES attribution (id),
    outcome     TEXT    NOT NULL,
    calls       INTEGER NOT NULL,
    pictures    INTEGER NOT NULL,
    tokens      INTEGER NOT NULL,
    spent       INTEGER NOT NULL,
    PRIMARY KEY (day, attribution, outcome)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX base_usage_attribution ON base_usage (attribution);

  CREATE TRIGGER ledger_rows_stay BEFORE DELETE ON ledger
    WHEN NOT EXISTS (SELECT 1 FROM rolling JOIN rollup ON seq = rollup WHERE rolling.hold = OLD.hold)
    BEGIN SELECT RAISE(ABORT, 'ledger rows are never deleted'); END;
  CREATE TRIGGER ledger_rows_stand BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger rows are never changed'); END;
  CREATE TRIGGER rollups_stay BEFORE DELETE ON rollup
    BEGIN SELECT RAISE(ABORT, 'roll-ups are never deleted'); END;
  CREATE TRIGGER rollups_stand BEFORE UPDATE ON rollup
    BEGIN SELECT RAISE(ABORT, 'roll-ups are never changed'); END;

  CREATE TABLE saved (
    day         TEXT    NOT NULL,
    attribution INTEGER NOT NULL REFERENCES attribution (id),
    how         TEXT    NOT NULL CHECK (how IN ('cached', 'joined')),
    fine        INTEGER NOT NULL,
    calls       INTEGER NOT NULL,
    nanos       INTEGER NOT NULL,
    ms          INTEGER NOT NULL,
    PRIMARY KEY (day, attribution, how)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX saved_attribution ON saved (attribution);
  CREATE INDEX saved_fine ON saved (day) WHERE fine = 1;
  CREATE TABLE saved_batch (
    source TEXT    PRIMARY KEY,
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;
