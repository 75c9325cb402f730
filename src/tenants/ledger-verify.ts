import type { Database } from '../sqlite.ts';

/** What the rows of a ledger say, held against every sum that is kept beside them. */
export interface Verification {
  readonly rows: bigint;
  /** Rows that were rolled up: what they came to is a part of every sum. */
  readonly rolledUp: bigint;
  /** What does not add up, in words: nothing, unless the file was damaged or the code that wrote it is wrong. */
  readonly drifts: readonly string[];
  /** By how many nano-dollars balances differ from their rows, all taken together. */
  readonly driftNanos: bigint;
}

/**
 * Recomputes every hold, every account, every sum of usage and every prepaid credit from the rows, and what rolled-up rows
 * came to, in SQL and not by the code that keeps them. What the cache saved is no money, and follows from no rows. Takes
 * seconds for a million rows; writes nothing but a temporary table of its own connection.
 */
export function verifyLedger(db: Database): Verification {
  db.exec(FOLD);
  try {
    const found = CHECKS.map((sql) => db.prepare(sql).all()).flat();
    return {
      rows: db.prepare('SELECT count(*) AS count FROM ledger').get()?.['count'] as bigint,
      rolledUp: db.prepare('SELECT coalesce(sum(rows), 0) AS count FROM rollup').get()?.['count'] as bigint,
      drifts: found.map((row) => String(row['what'])),
      driftNanos: found.reduce((sum, row) => sum + (row['nanos'] as bigint), 0n),
    };
  } finally {
    db.exec('DROP TABLE temp.told');
  }
}

/** All rows of a hold in one; `outcome` is that of its last row. */
const FOLD = `
  CREATE TEMP TABLE told AS
    SELECT sums.*, ledger.outcome FROM ledger JOIN (
      SELECT hold, max(seq) AS last, max(iif(kind = 'reserve', at, NULL)) AS at, min(attribution) AS attribution,
        count(DISTINCT attribution) AS attributions, sum(delta_held) AS held, sum(delta_spent) AS spent,
        sum(pictures) AS pictures, sum(tokens) AS tokens, sum(kind = 'reserve') AS reserves,
        sum(kind = 'settle') AS settles, sum(kind IN ('settle', 'adjust')) AS told,
        sum(kind IN ('settle', 'release', 'expire')) AS ends
      FROM ledger GROUP BY hold
    ) AS sums ON seq = last;
  CREATE UNIQUE INDEX temp.told_hold ON told (hold);
`;

const CHECKS = [
  `SELECT 'hold ' || id || ': ' || state || ' at ' || charged || ' nano-dollars as ' || coalesce(outcome, 'nothing yet')
      || ', but its rows say ' || coalesce(told_spent || ' spent, ' || told_held || ' held, ' || coalesce(told_outcome, 'nothing yet'), 'nothing')
      AS what, abs(charged - coalesce(told_spent, 0)) AS nanos
   FROM (
     SELECT hold.*, told.spent AS told_spent, told.held AS told_held, told.outcome AS told_outcome,
       told.hold IS NOT NULL AND told.spent = charged AND told.held = iif(state = 'held', worst, 0)
         AND told.outcome IS hold.outcome AND told.pictures = hold.pictures AND told.tokens = hold.tokens
         AND told.attribution = hold.attribution AND attributions = 1 AND reserves = 1 AND settles <= 1
         AND (told.told > 0) = (state = 'settled') AND (ends = 0) = (state = 'held') AS good
     FROM hold LEFT JOIN told ON told.hold = hold.id
   ) WHERE NOT good`,
  `SELECT 'rows of the hold ' || told.hold || ', which does not exist' AS what, abs(spent) AS nanos
   FROM told LEFT JOIN hold ON hold.id = told.hold WHERE hold.id IS NULL`,
  `SELECT 'account ' || key || ': ' || account.spent || ' nano-dollars spent, ' || account.held
      || ' held, but its rows say ' || coalesce(sums.spent, 0) || ' and ' || coalesce(sums.held, 0) AS what,
      abs(account.spent - coalesce(sums.spent, 0)) + abs(account.held - coalesce(sums.held, 0)) AS nanos
   FROM account LEFT JOIN (
     SELECT account, sum(spent) AS spent, sum(held) AS held FROM (
       SELECT account, spent, held FROM hold_account JOIN told USING (hold)
       UNION ALL SELECT account, spent, 0 FROM base_account
     ) GROUP BY account
   ) AS sums ON sums.account = key
   WHERE account.spent <> coalesce(sums.spent, 0) OR account.held <> coalesce(sums.held, 0)`,
  `SELECT 'usage of ' || day || ', attribution ' || attribution || ', ' || outcome || ': ' || sum(spent)
      || ' nano-dollars and ' || sum(calls) || ' calls too many' AS what, abs(sum(spent)) AS nanos
   FROM (
     SELECT day, attribution, outcome, calls, pictures, tokens, spent FROM usage
     UNION ALL
     SELECT date(at / 1000, 'unixepoch'), attribution, outcome, -1, -pictures, -tokens, -spent
     FROM told WHERE outcome IS NOT NULL
     UNION ALL
     SELECT day, attribution, outcome, -calls, -pictures, -tokens, -spent FROM base_usage
   ) GROUP BY day, attribution, outcome
   HAVING sum(calls) <> 0 OR sum(pictures) <> 0 OR sum(tokens) <> 0 OR sum(spent) <> 0`,
  `SELECT 'roll-ups: ' || holds || ' holds and ' || spent || ' nano-dollars on record, but what they left says '
      || calls || ' and ' || left AS what, abs(spent - left) + abs(account_spent - accounts_left) AS nanos
   FROM (SELECT coalesce(sum(holds), 0) AS holds, coalesce(sum(spent), 0) AS spent,
           coalesce(sum(account_spent), 0) AS account_spent FROM rollup),
     (SELECT coalesce(sum(calls), 0) AS calls, coalesce(sum(spent), 0) AS left FROM base_usage),
     (SELECT coalesce(sum(spent), 0) AS accounts_left FROM base_account)
   WHERE holds <> calls OR spent <> left OR account_spent <> accounts_left`,
  `SELECT 'a roll-up that was not finished: ' || count(*) || ' holds' AS what, 0 AS nanos
   FROM rolling HAVING count(*) > 0`,
  `SELECT 'a tenant was not wholly taken out of the audit trail: ' || count(*) || ' rows' AS what, 0 AS nanos
   FROM wiping HAVING count(*) > 0`,
  `SELECT 'credit of ' || subject || ': ' || credit || ' nano-dollars, but ' || added || ' were added to it' AS what,
      abs(credit - added) AS nanos
   FROM (
     SELECT subject, credit, coalesce((SELECT sum(amount) FROM audit WHERE audit.subject = owner.subject), 0) AS added
     FROM (
       SELECT iif(kind = 'line', 'key', kind) || ' ' || id AS subject, coalesce(body ->> 'creditNanos', 0) AS credit
       FROM registry WHERE kind IN ('tenant', 'line')
         -- A copy of what Redis has may have begun after the first of its rows.
         AND NOT EXISTS (SELECT 1 FROM registry_copy)
     ) AS owner
   ) WHERE credit <> added`,
];
