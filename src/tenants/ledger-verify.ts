import type { Database } from '../sqlite.ts';

/** What the rows of a ledger say, held against every sum that is kept beside them. */
export interface Verification {
  readonly rows: bigint;
  /** What does not add up, in words: nothing, unless the file was damaged or the code that wrote it is wrong. */
  readonly drifts: readonly string[];
  /** By how many nano-dollars balances differ from their rows, all taken together. */
  readonly driftNanos: bigint;
}

/**
 * Recomputes every hold, every account and every sum of usage from the rows alone, in SQL and not by the code that
 * keeps them. Takes seconds for a million rows; writes nothing but a temporary table of its own connection.
 */
export function verifyLedger(db: Database): Verification {
  db.exec(FOLD);
  try {
    const found = CHECKS.map((sql) => db.prepare(sql).all()).flat();
    return {
      rows: db.prepare('SELECT count(*) AS count FROM ledger').get()?.['count'] as bigint,
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
        sum(kind = 'settle') AS settles, sum(kind IN ('settle', 'release', 'expire')) AS ends
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
         AND (settles = 1) = (state = 'settled') AND (ends = 0) = (state = 'held') AS good
     FROM hold LEFT JOIN told ON told.hold = hold.id
   ) WHERE NOT good`,
  `SELECT 'rows of the hold ' || told.hold || ', which does not exist' AS what, abs(spent) AS nanos
   FROM told LEFT JOIN hold ON hold.id = told.hold WHERE hold.id IS NULL`,
  `SELECT 'account ' || key || ': ' || account.spent || ' nano-dollars spent, ' || account.held
      || ' held, but its rows say ' || coalesce(sums.spent, 0) || ' and ' || coalesce(sums.held, 0) AS what,
      abs(account.spent - coalesce(sums.spent, 0)) + abs(account.held - coalesce(sums.held, 0)) AS nanos
   FROM account LEFT JOIN (
     SELECT account, sum(spent) AS spent, sum(held) AS held FROM hold_account JOIN told USING (hold) GROUP BY account
   ) AS sums ON sums.account = key
   WHERE account.spent <> coalesce(sums.spent, 0) OR account.held <> coalesce(sums.held, 0)`,
  `SELECT 'usage of ' || day || ', attribution ' || attribution || ', ' || outcome || ': ' || sum(spent)
      || ' nano-dollars and ' || sum(calls) || ' calls too many' AS what, abs(sum(spent)) AS nanos
   FROM (
     SELECT day, attribution, outcome, calls, pictures, tokens, spent FROM usage
     UNION ALL
     SELECT date(at / 1000, 'unixepoch'), attribution, outcome, -1, -pictures, -tokens, -spent
     FROM told WHERE outcome IS NOT NULL
   ) GROUP BY day, attribution, outcome
   HAVING sum(calls) <> 0 OR sum(pictures) <> 0 OR sum(tokens) <> 0 OR sum(spent) <> 0`,
];
