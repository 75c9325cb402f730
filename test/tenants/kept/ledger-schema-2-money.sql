-- A ledger as Plantain left it with schema 2: levels of budgets, users and tags, a refund, one picture still in the air.
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
INSERT INTO account VALUES ('["acme","day","Europe/Berlin",null,"2026-11-20"]', 503300000, 0);
INSERT INTO account VALUES ('["acme","day","Europe/Berlin",null,"2026-11-21"]', 0, 120000000);
INSERT INTO account VALUES ('["acme","total","UTC",["gemini-3-pro-image"],"total"]', 434000000, 0);
INSERT INTO account VALUES ('["everything","everything","month","UTC",null,"2026-11"]', 863300000, 120000000);
INSERT INTO account VALUES ('["key","acme-1","month","UTC",null,"2026-11"]', 503300000, 120000000);
INSERT INTO attribution VALUES (1, 'acme', 'acme-1', 'gemini-3.1-flash-image', 'google', '1K', 'ada', '{"job":"12","team":"web"}');
INSERT INTO attribution VALUES (2, 'acme', 'acme-1', 'gemini-3.1-flash-image', 'google', '1K', '', '{"team":"ops"}');
INSERT INTO attribution VALUES (3, 'acme', 'acme-2', 'gemini-3-pro-image', 'google', '4K', '', '{}');
INSERT INTO attribution VALUES (4, 'acme', 'acme-1', 'gemini-3-pro-image', 'google', '1K', 'bob', '{}');
INSERT INTO attribution VALUES (5, 'acme', 'acme-1', 'gemini-3-pro-image', 'google', '1K', '', '{}');
INSERT INTO attribution VALUES (6, 'globex', 'globex-1', 'gemini-3-pro-image', 'wisdom-gate', '', '', '{}');
INSERT INTO attribution VALUES (7, 'acme', 'acme-1', 'gemini-3.1-flash-image', 'google', '1K', 'ada', '{}');
INSERT INTO attribution VALUES (8, 'globex', 'globex-1', 'gemini-3.1-flash-image', 'google', '1K', '', '{"team":"web"}');
INSERT INTO attribution VALUES (9, 'globex', 'globex-1', 'gemini-3.1-flash-image', 'google', '1K', '', '{}');
INSERT INTO hold VALUES ('a', 100000000, 'settled', 1, 1795212120000, 1795212480000, 'ok', 67000000, 1, 1290);
INSERT INTO hold VALUES ('b', 100000000, 'settled', 2, 1795212120000, 1795212480000, 'no_image', 2300000, 0, 760);
INSERT INTO hold VALUES ('c', 300000000, 'released', 3, 1795212300000, 1795212660000, 'upstream_busy', 0, 0, 0);
INSERT INTO hold VALUES ('d', 300000000, 'settled', 4, 1795212420000, 1795212780000, 'ok', 134000000, 1, 1520);
INSERT INTO hold VALUES ('e', 300000000, 'expired', 5, 1795212420000, 1795212780000, 'unknown', 300000000, 0, 0);
INSERT INTO hold VALUES ('f', 250000000, 'expired', 6, 1795212420000, 1795212780000, 'refunded', 0, 0, 0);
INSERT INTO hold VALUES ('g', 120000000, 'held', 7, 1795219920000, 1804219920000, NULL, 0, 0, 0);
INSERT INTO hold VALUES ('i', 110000000, 'settled', 8, 1795219920000, 1804219920000, 'ok', 250000000, 2, 2600);
INSERT INTO hold VALUES ('j', 110000000, 'settled', 9, 1795219920000, 1804219920000, 'unknown', 110000000, 0, 0);
INSERT INTO hold_account VALUES ('a', '["acme","day","Europe/Berlin",null,"2026-11-20"]');
INSERT INTO hold_account VALUES ('a', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('a', '["key","acme-1","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('b', '["acme","day","Europe/Berlin",null,"2026-11-20"]');
INSERT INTO hold_account VALUES ('b', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('b', '["key","acme-1","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('c', '["acme","day","Europe/Berlin",null,"2026-11-20"]');
INSERT INTO hold_account VALUES ('c', '["acme","total","UTC",["gemini-3-pro-image"],"total"]');
INSERT INTO hold_account VALUES ('c', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('c', '["key","acme-1","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('d', '["acme","day","Europe/Berlin",null,"2026-11-20"]');
INSERT INTO hold_account VALUES ('d', '["acme","total","UTC",["gemini-3-pro-image"],"total"]');
INSERT INTO hold_account VALUES ('d', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('d', '["key","acme-1","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('e', '["acme","day","Europe/Berlin",null,"2026-11-20"]');
INSERT INTO hold_account VALUES ('e', '["acme","total","UTC",["gemini-3-pro-image"],"total"]');
INSERT INTO hold_account VALUES ('e', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('e', '["key","acme-1","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('f', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('g', '["acme","day","Europe/Berlin",null,"2026-11-21"]');
INSERT INTO hold_account VALUES ('g', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('g', '["key","acme-1","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('i', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO hold_account VALUES ('j', '["everything","everything","month","UTC",null,"2026-11"]');
INSERT INTO ledger VALUES (1, 1795212120000, 1, 'a', 'reserve', 100000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (2, 1795212120000, 2, 'b', 'reserve', 100000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (3, 1795212180000, 1, 'a', 'settle', -100000000, 67000000, 'ok', 1, 1290);
INSERT INTO ledger VALUES (4, 1795212240000, 2, 'b', 'settle', -100000000, 2300000, 'no_image', 0, 760);
INSERT INTO ledger VALUES (5, 1795212300000, 3, 'c', 'reserve', 300000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (6, 1795212360000, 3, 'c', 'release', -300000000, 0, 'upstream_busy', 0, 0);
INSERT INTO ledger VALUES (7, 1795212420000, 4, 'd', 'reserve', 300000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (8, 1795212420000, 5, 'e', 'reserve', 300000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (9, 1795212420000, 6, 'f', 'reserve', 250000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (10, 1795215720000, 4, 'd', 'expire', -300000000, 300000000, 'unknown', 0, 0);
INSERT INTO ledger VALUES (11, 1795215720000, 5, 'e', 'expire', -300000000, 300000000, 'unknown', 0, 0);
INSERT INTO ledger VALUES (12, 1795215720000, 6, 'f', 'expire', -250000000, 250000000, 'unknown', 0, 0);
INSERT INTO ledger VALUES (13, 1795215780000, 4, 'd', 'settle', 0, -166000000, 'ok', 1, 1520);
INSERT INTO ledger VALUES (14, 1795215840000, 6, 'f', 'refund', 0, -250000000, 'refunded', 0, 0);
INSERT INTO ledger VALUES (15, 1795219920000, 7, 'g', 'reserve', 120000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (16, 1795219920000, 8, 'i', 'reserve', 110000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (17, 1795219920000, 9, 'j', 'reserve', 110000000, 0, NULL, 0, 0);
INSERT INTO ledger VALUES (18, 1795219980000, 8, 'i', 'settle', -110000000, 250000000, 'ok', 2, 2600);
INSERT INTO ledger VALUES (19, 1795219980000, 9, 'j', 'settle', -110000000, 110000000, 'unknown', 0, 0);
INSERT INTO usage VALUES ('2026-11-20', 1, 'ok', 1, 1, 1290, 67000000);
INSERT INTO usage VALUES ('2026-11-20', 2, 'no_image', 1, 0, 760, 2300000);
INSERT INTO usage VALUES ('2026-11-20', 3, 'upstream_busy', 1, 0, 0, 0);
INSERT INTO usage VALUES ('2026-11-20', 4, 'ok', 1, 1, 1520, 134000000);
INSERT INTO usage VALUES ('2026-11-20', 4, 'unknown', 0, 0, 0, 0);
INSERT INTO usage VALUES ('2026-11-20', 5, 'unknown', 1, 0, 0, 300000000);
INSERT INTO usage VALUES ('2026-11-20', 6, 'refunded', 1, 0, 0, 0);
INSERT INTO usage VALUES ('2026-11-20', 6, 'unknown', 0, 0, 0, 0);
INSERT INTO usage VALUES ('2026-11-21', 8, 'ok', 1, 2, 2600, 250000000);
INSERT INTO usage VALUES ('2026-11-21', 9, 'unknown', 1, 0, 0, 110000000);
CREATE TRIGGER ledger_rows_stay BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger rows are never deleted'); END;
CREATE TRIGGER ledger_rows_stand BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger rows are never changed'); END;
CREATE INDEX hold_open ON hold (lease_until) WHERE state = 'held';
CREATE INDEX hold_unknown ON hold (at) WHERE outcome = 'unknown';
PRAGMA user_version = 2;
