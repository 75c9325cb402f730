-- A ledger as Plantain 0.1 left it: schema 1, one picture still in the air.
CREATE TABLE account (
    key   TEXT    PRIMARY KEY,
    spent INTEGER NOT NULL CHECK (spent BETWEEN 0 AND 9007199254740991),
    held  INTEGER NOT NULL CHECK (held BETWEEN 0 AND 9007199254740991)
  ) STRICT, WITHOUT ROWID;
CREATE TABLE hold (
    id     TEXT    PRIMARY KEY,
    tenant TEXT    NOT NULL,
    key_id TEXT    NOT NULL,
    model  TEXT    NOT NULL,
    worst  INTEGER NOT NULL CHECK (worst BETWEEN 0 AND 9007199254740991),
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
INSERT INTO account VALUES ('["acme","day","Europe/Berlin",null,"2026-11-20"]', 601000000, 0);
INSERT INTO account VALUES ('["acme","day","Europe/Berlin",null,"2026-11-21"]', 0, 120000000);
INSERT INTO account VALUES ('["acme","total","UTC",["gemini-3-pro-image"],"total"]', 434000000, 0);
INSERT INTO hold VALUES ('a', 'acme', 'acme-1', 'gemini-3.1-flash-image', 100000000, 'settled');
INSERT INTO hold VALUES ('b', 'acme', 'acme-1', 'gemini-3.1-flash-image', 100000000, 'settled');
INSERT INTO hold VALUES ('c', 'acme', 'acme-1', 'gemini-3-pro-image', 300000000, 'released');
INSERT INTO hold VALUES ('d', 'acme', 'acme-1', 'gemini-3-pro-image', 300000000, 'settled');
INSERT INTO hold VALUES ('e', 'acme', 'acme-1', 'gemini-3-pro-image', 300000000, 'expired');
INSERT INTO hold VALUES ('f', 'globex', 'globex-1', 'gemini-3-pro-image', 250000000, 'settled');
INSERT INTO hold VALUES ('g', 'acme', 'acme-1', 'gemini-3.1-flash-image', 120000000, 'held');
INSERT INTO hold VALUES ('h', 'globex', 'globex-1', 'gemini-3.1-flash-image', 110000000, 'settled');
INSERT INTO hold_account VALUES ('a', '["acme","day","Europe/Berlin",null,"2026-11-20"]');
INSERT INTO hold_account VALUES ('b', '["acme","day","Europe/Berlin",null,"2026-11-20"]');
INSERT INTO hold_account VALUES ('c', '["acme","day","Europe/Berlin",null,"2026-11-20"]');
INSERT INTO hold_account VALUES ('c', '["acme","total","UTC",["gemini-3-pro-image"],"total"]');
INSERT INTO hold_account VALUES ('d', '["acme","day","Europe/Berlin",null,"2026-11-20"]');
INSERT INTO hold_account VALUES ('d', '["acme","total","UTC",["gemini-3-pro-image"],"total"]');
INSERT INTO hold_account VALUES ('e', '["acme","day","Europe/Berlin",null,"2026-11-20"]');
INSERT INTO hold_account VALUES ('e', '["acme","total","UTC",["gemini-3-pro-image"],"total"]');
INSERT INTO hold_account VALUES ('g', '["acme","day","Europe/Berlin",null,"2026-11-21"]');
INSERT INTO ledger VALUES (1, 1795212120000, 'acme', 'acme-1', 'gemini-3.1-flash-image', 'a', 'reserve', 100000000, 0, NULL);
INSERT INTO ledger VALUES (2, 1795212120000, 'acme', 'acme-1', 'gemini-3.1-flash-image', 'b', 'reserve', 100000000, 0, NULL);
INSERT INTO ledger VALUES (3, 1795212180000, 'acme', 'acme-1', 'gemini-3.1-flash-image', 'a', 'settle', -100000000, 67000000, 'settled');
INSERT INTO ledger VALUES (4, 1795212240000, 'acme', 'acme-1', 'gemini-3.1-flash-image', 'b', 'settle', -100000000, 100000000, 'unknown');
INSERT INTO ledger VALUES (5, 1795212300000, 'acme', 'acme-1', 'gemini-3-pro-image', 'c', 'reserve', 300000000, 0, NULL);
INSERT INTO ledger VALUES (6, 1795212360000, 'acme', 'acme-1', 'gemini-3-pro-image', 'c', 'release', -300000000, 0, NULL);
INSERT INTO ledger VALUES (7, 1795212420000, 'acme', 'acme-1', 'gemini-3-pro-image', 'd', 'reserve', 300000000, 0, NULL);
INSERT INTO ledger VALUES (8, 1795212480000, 'acme', 'acme-1', 'gemini-3-pro-image', 'd', 'release', -300000000, 0, NULL);
INSERT INTO ledger VALUES (9, 1795212540000, 'acme', 'acme-1', 'gemini-3-pro-image', 'd', 'settle', 0, 134000000, 'settled');
INSERT INTO ledger VALUES (10, 1795212600000, 'acme', 'acme-1', 'gemini-3-pro-image', 'e', 'reserve', 300000000, 0, NULL);
INSERT INTO ledger VALUES (11, 1795212600000, 'globex', 'globex-1', 'gemini-3-pro-image', 'f', 'reserve', 250000000, 0, NULL);
INSERT INTO ledger VALUES (12, 1795216260000, 'acme', 'acme-1', 'gemini-3-pro-image', 'e', 'expire', -300000000, 300000000, 'unknown');
INSERT INTO ledger VALUES (13, 1795216260000, 'globex', 'globex-1', 'gemini-3-pro-image', 'f', 'expire', -250000000, 250000000, 'unknown');
INSERT INTO ledger VALUES (14, 1795216320000, 'globex', 'globex-1', 'gemini-3-pro-image', 'f', 'settle', 0, -116000000, 'settled');
INSERT INTO ledger VALUES (15, 1795216380000, 'acme', 'acme-1', 'gemini-3.1-flash-image', 'g', 'reserve', 120000000, 0, NULL);
INSERT INTO ledger VALUES (16, 1795216380000, 'globex', 'globex-1', 'gemini-3.1-flash-image', 'h', 'reserve', 110000000, 0, NULL);
INSERT INTO ledger VALUES (17, 1795216440000, 'globex', 'globex-1', 'gemini-3.1-flash-image', 'h', 'settle', -110000000, 58000000, 'settled');
CREATE TRIGGER ledger_rows_stay BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger rows are never deleted'); END;
CREATE TRIGGER ledger_rows_stand BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger rows are never changed'); END;
PRAGMA user_version = 1;
