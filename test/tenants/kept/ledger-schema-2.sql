-- A ledger as Plantain 0.1 left it: schema 2, one picture still in the air.
CREATE TABLE account (
    key   TEXT    PRIMARY KEY,
    spent INTEGER NOT NULL CHECK (spent BETWEEN 0 AND 9007199254740991),
    held  INTEGER NOT NULL CHECK (held BETWEEN 0 AND 9007199254740991)
  ) STRICT, WITHOUT ROWID;
CREATE TABLE hold (
    id     TEXT    PRIMARY KEY,
    worst  INTEGER NOT NULL CHECK (worst BETWEEN 0 AND 9007199254740991),
    state  TEXT    NOT NULL CHECK (state IN ('held', 'settled', 'released', 'expired'))
  , attribution INTEGER REFERENCES attribution (id), at          INTEGER NOT NULL DEFAULT 0, lease_until INTEGER NOT NULL DEFAULT 0, outcome     TEXT, charged     INTEGER NOT NULL DEFAULT 0
    CHECK (charged BETWEEN 0 AND 9007199254740991), pictures    INTEGER NOT NULL DEFAULT 0, tokens      INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
CREATE TABLE hold_account (
    hold    TEXT NOT NULL REFERENCES hold (id),
    account TEXT NOT NULL REFERENCES account (key),
    PRIMARY KEY (hold, account)
  ) STRICT, WITHOUT ROWID;
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
CREATE TABLE "ledger" (
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
INSERT INTO account VALUES ('["acme","day","Europe/Berlin",null,"2026-11-25"]', 192000000, 120000000);
INSERT INTO account VALUES ('["everything","everything","month","UTC",null,"2026-11"]', 192000000, 120000000);
INSERT INTO account VALUES ('["globex","total","UTC",["gemini-3-pro-image"],"total"]', 250000000, 0);
INSERT INTO account VALUES ('["key","0123456789ab","total","UTC",null,"total"]', 192000000, 120000000);
INSERT INTO attribution VALUES (1, 'acme', '0123456789ab', 'gemini-3.1-flash-image', 'google', '1K', 'ada', '{"team":"web"}');
INSERT INTO attribution VALUES (2, 'acme', '0123456789ab', 'gemini-3-pro-image', 'google', '1K', '', '{}');
INSERT INTO attribution VALUES (3, 'globex', 'ba9876543210', 'gemini-3-pro-image', 'google', '4K', 'ada', '{"team":"web"}');
INSERT INTO hold VALUES ('a', 100000000, 'settled', 1, 1795600800000, 1795601040000, 'ok', 67000000, 1, 1290);
INSERT INTO hold VALUES ('b', 300000000, 'released', 2, 1795600920000, 1795601160000, 'upstream_busy', 0, 0, 0);
INSERT INTO hold VALUES ('c', 250000000, 'settled', 3, 1795601040000, 1795601280000, 'unknown', 250000000, 0, 0);
INSERT INTO hold VALUES ('d', 110000000, 'settled', 1, 1795601160000, 1795601400000, 'ok', 58000000, 1, 1200);
INSERT INTO hold VALUES ('e', 120000000, 'held', 1, 1795601880000, 1795602120000, NULL, 0, 0, 0);
INSERT INTO hold VALUES ('f', 120000000, 'settled', 1, 1795601880000, 1795602120000, 'ok', 67000000, 1, 1290);
INSERT INTO hold_account VALUES ('a', '["acme","day","Europe/Berlin",null,"2026-11-25"]');
INSERT INTO hold_account VALUES ('a', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('a', '["key","0123456789ab","total","UTC",null,"total"]');
INSERT INTO hold_account VALUES ('b', '["acme","day","Europe/Berlin",null,"2026-11-25"]');
INSERT INTO hold_account VALUES ('b', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('b', '["key","0123456789ab","total","UTC",null,"total"]');
INSERT INTO hold_account VALUES ('c', '["globex","total","UTC",["gemini-3-pro-image"],"total"]');
INSERT INTO hold_account VALUES ('d', '["acme","day","Europe/Berlin",null,"2026-11-25"]');
INSERT INTO hold_account VALUES ('d', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('d', '["key","0123456789ab","total","UTC",null,"total"]');
INSERT INTO hold_account VALUES ('e', '["acme","day","Europe/Berlin",null,"2026-11-25"]');
INSERT INTO hold_account VALUES ('e', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('e', '["key","0123456789ab","total","UTC",null,"total"]');
INSERT INTO hold_account VALUES ('f', '["acme","day","Europe/Berlin",null,"2026-11-25"]');
INSERT INTO hold_account VALUES ('f', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('f', '["key","0123456789ab","total","UTC",null,"total"]');
INSERT INTO ledger VALUES (1, 1795600800000, 1, 'a', 'reserve', 100000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (2, 1795600860000, 1, 'a', 'settle', -100000000, 67000000, 'ok', 1, 1290);
INSERT INTO ledger VALUES (3, 1795600920000, 2, 'b', 'reserve', 300000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (4, 1795600980000, 2, 'b', 'release', -300000000, 0, 'upstream_busy', 0, 0);
INSERT INTO ledger VALUES (5, 1795601040000, 3, 'c', 'reserve', 250000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (6, 1795601100000, 3, 'c', 'settle', -250000000, 250000000, 'unknown', 0, 0);
INSERT INTO ledger VALUES (7, 1795601160000, 1, 'd', 'reserve', 110000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (8, 1795601760000, 1, 'd', 'expire', -110000000, 110000000, 'unknown', 0, 0);
INSERT INTO ledger VALUES (9, 1795601820000, 1, 'd', 'settle', 0, -52000000, 'ok', 1, 1200);
INSERT INTO ledger VALUES (10, 1795601880000, 1, 'e', 'reserve', 120000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (11, 1795601880000, 1, 'f', 'reserve', 120000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (12, 1795601940000, 1, 'f', 'settle', -120000000, 67000000, 'ok', 1, 1290);
INSERT INTO usage VALUES ('2026-11-25', 1, 'ok', 3, 3, 3780, 192000000);
INSERT INTO usage VALUES ('2026-11-25', 1, 'unknown', 0, 0, 0, 0);
INSERT INTO usage VALUES ('2026-11-25', 2, 'upstream_busy', 1, 0, 0, 0);
INSERT INTO usage VALUES ('2026-11-25', 3, 'unknown', 1, 0, 0, 250000000);
CREATE TRIGGER ledger_rows_stay BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger rows are never deleted'); END;
CREATE TRIGGER ledger_rows_stand BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger rows are never changed'); END;
PRAGMA user_version = 2;
