import { GatewayError } from '../errors.ts';
import { refusal } from './budget.ts';
import type { Account, Balance } from './budget.ts';
import { attributionsIn } from './embedded-attribution.ts';
import type { Database } from './sqlite.ts';
import type { Adjustment, Hold, Made } from './state.ts';

/** The double entry of the port's verbs: every change of an account is a row of the ledger. Amounts are nano-dollars. */
export interface Books {
  /** `clock` as in `Operation`. */
  reserve(holds: readonly Hold[], at: number, clock: number): void;
  /** Whether it came late: after the hold had expired. */
  settle(id: string, ended: Ended, at: number): boolean;
  release(id: string, outcome: string, at: number): void;
  /** Charges every open hold its worst case, as `unknown`. */
  expireAll(at: number): Expired;
  /** The same for those whose lease is over. */
  expireDue(at: number, clock: number): Expired;
  /** Gives back what was charged as `unknown`, now that a bill says it cost nothing: the nano-dollars, 0 for any other hold. */
  refund(id: string, at: number): number;
  /** Charges what a bill says it cost: by how many nano-dollars that is more than before. */
  adjust(adjustment: Adjustment, at: number): number;
  balance(accountKey: string): Balance;
}

/** How an attempt ended and what it cost. */
export interface Ended extends Made {
  readonly nanos: number;
  readonly outcome: string;
}

/** Holds that nobody ended, and the nano-dollars they were charged. */
export interface Expired {
  readonly holds: number;
  readonly nanos: number;
}

type State = 'held' | 'settled' | 'released' | 'expired';

interface HoldRow extends Ended {
  readonly id: string;
  readonly worst: number;
  readonly state: State;
}

interface Change {
  readonly kind: 'reserve' | 'settle' | 'release' | 'expire' | 'refund' | 'adjust';
  readonly held: number;
  readonly at: number;
  readonly why?: Pick<Adjustment, 'adjustment' | 'reason'> | undefined;
}

const HOLD = 'SELECT id, worst, state, charged, outcome, pictures, tokens FROM hold';
const MAX_REASON = 500;
/** What nobody knew the cost of, before a bill told. */
const UNTOLD = ['unknown', 'refunded'];
const NOTHING: Ended = { nanos: 0, outcome: '', pictures: 0, tokens: 0 };

export function booksIn(db: Database): Books {
  const selectAccount = db.prepare('SELECT spent, held FROM account WHERE key = ?');
  const openAccount = db.prepare('INSERT INTO account (key, spent, held) VALUES (?, 0, 0) ON CONFLICT DO NOTHING');
  const attribute = attributionsIn(db);
  const insertHold = db.prepare(
    "INSERT INTO hold (id, worst, state, attribution, at, lease_until) VALUES (?, ?, 'held', ?, ?, ?)",
  );
  const insertHoldAccount = db.prepare('INSERT INTO hold_account (hold, account) VALUES (?, ?)');
  const selectHold = db.prepare(`${HOLD} WHERE id = ?`);
  const selectOpen = db.prepare(`${HOLD} WHERE state = 'held'`);
  const selectDue = db.prepare(`${HOLD} WHERE state = 'held' AND lease_until <= ?`);
  const updateHold = db.prepare(
    'UPDATE hold SET state = ?, charged = ?, outcome = ?, pictures = ?, tokens = ?, ended_at = ? WHERE id = ?',
  );
  const updateAccounts = db.prepare(
    `UPDATE account SET held = held + ?, spent = spent + ?
     WHERE key IN (SELECT account FROM hold_account WHERE hold = ?)`,
  );
  const insertRow = db.prepare(
    `INSERT INTO ledger (at, attribution, hold, kind, delta_held, delta_spent, outcome, pictures, tokens, adjustment, reason)
     SELECT ?, attribution, id, ?, ?, ?, ?, ?, ?, ?, ? FROM hold WHERE id = ?`,
  );
  const selectAdjustment = db.prepare('SELECT hold, delta_spent FROM ledger WHERE adjustment = ?');
  const addUsage = db.prepare(
    `INSERT INTO usage (day, attribution, outcome, calls, pictures, tokens, spent)
     SELECT date(at / 1000, 'unixepoch'), attribution, ?, ?, ?, ?, ? FROM hold WHERE id = ?
     ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, pictures = pictures + excluded.pictures,
       tokens = tokens + excluded.tokens, spent = spent + excluded.spent`,
  );

  function balance(accountKey: string): Balance {
    const row = selectAccount.get(accountKey);
    return { spentNanos: Number(row?.['spent'] ?? 0), heldNanos: Number(row?.['held'] ?? 0) };
  }

  /** An account's balance and its row in the ledger, always together. */
  function post(id: string, { kind, held, at, why }: Change, { nanos, outcome, pictures, tokens }: Ended): void {
    updateAccounts.run(BigInt(held), BigInt(nanos), id);
    const amounts = [BigInt(held), BigInt(nanos)] as const;
    const made = [BigInt(pictures), BigInt(tokens)] as const;
    const told = [why?.adjustment ?? null, why?.reason ?? null] as const;
    insertRow.run(BigInt(Math.trunc(at)), kind, ...amounts, outcome || null, ...made, ...told, id);
  }

  /** What a hold has come to counts once in the usage report, under its last outcome. */
  function count(id: string, ended: Ended, calls: 1 | -1): void {
    if (ended.outcome === '') return;
    const sums = [calls, calls * ended.pictures, calls * ended.tokens, calls * ended.nanos].map(BigInt);
    addUsage.run(ended.outcome, ...sums, id);
  }

  /** Takes a hold to what it cost in the end, from whatever it was charged before. */
  function end(hold: HoldRow, state: State, change: Omit<Change, 'held'>, ended: Ended): void {
    const held = hold.state === 'held' ? -hold.worst : 0;
    post(
      hold.id,
      { ...change, held },
      {
        nanos: ended.nanos - hold.nanos,
        outcome: ended.outcome,
        pictures: ended.pictures - hold.pictures,
        tokens: ended.tokens - hold.tokens,
      },
    );
    count(hold.id, hold, -1);
    const sums = [BigInt(ended.pictures), BigInt(ended.tokens), BigInt(Math.trunc(change.at))] as const;
    updateHold.run(state, BigInt(ended.nanos), ended.outcome, ...sums, hold.id);
    count(hold.id, ended, 1);
  }

  function expire(open: readonly HoldRow[], at: number): Expired {
    for (const hold of open)
      end(hold, 'expired', { kind: 'expire', at }, { ...NOTHING, nanos: hold.worst, outcome: 'unknown' });
    return { holds: open.length, nanos: open.reduce((sum, { worst }) => sum + worst, 0) };
  }

  function find(id: string): HoldRow {
    const row = selectHold.get(id);
    if (row === undefined)
      throw new GatewayError('internal', 'A charge was made that no money was ever set aside for.');
    return holdRow(row);
  }

  return {
    balance,

    reserve(holds, at, clock) {
      let refused: GatewayError | null = null;
      for (const { account, nanos } of asked(holds)) {
        const no = refusal(account, balance(account.key), nanos);
        // Waiting helps against what others hold, but not where another account is exhausted: that is the answer.
        if (no?.failure === 'budget_exhausted') throw no;
        refused ??= no;
      }
      if (refused !== null) throw refused;
      const begun = BigInt(Math.trunc(at));
      const leaseUntil = (leaseMs: number): bigint => BigInt(Math.trunc(clock)) + BigInt(Math.ceil(leaseMs));
      for (const hold of holds) {
        const worst = BigInt(nanoDollars(hold.worstNanos));
        insertHold.run(hold.id, worst, attribute(hold), begun, leaseUntil(hold.leaseMs));
        for (const { key } of hold.accounts) {
          openAccount.run(key);
          insertHoldAccount.run(hold.id, key);
        }
        post(hold.id, { kind: 'reserve', held: hold.worstNanos, at }, NOTHING);
      }
    },

    settle(id, ended, at) {
      const hold = find(id);
      nanoDollars(ended.nanos);
      if (hold.state === 'settled') return false;
      end(hold, 'settled', { kind: 'settle', at }, ended);
      return hold.state === 'expired';
    },

    release(id, outcome, at) {
      const hold = find(id);
      if (hold.state === 'held') end(hold, 'released', { kind: 'release', at }, { ...NOTHING, outcome });
    },

    refund(id, at) {
      const row = selectHold.get(id);
      const hold = row === undefined ? null : holdRow(row);
      if (hold?.outcome !== 'unknown') return 0;
      end(hold, hold.state, { kind: 'refund', at }, { ...NOTHING, outcome: 'refunded' });
      return hold.nanos;
    },

    adjust({ id, adjustment, nanos, reason }, at) {
      nanoDollars(nanos);
      const why = { adjustment, reason: reason.trim() };
      if (adjustment === '' || why.reason === '' || why.reason.length > MAX_REASON)
        throw cannot(`An adjustment needs an id of its own, and a reason of 1 to ${MAX_REASON} characters.`);
      const done = selectAdjustment.get(adjustment);
      if (done !== undefined) {
        if (done['hold'] === id) return Number(done['delta_spent']);
        throw cannot(`The adjustment ${adjustment} was made to another hold: give this one an id of its own.`);
      }
      const row = selectHold.get(id);
      if (row === undefined) throw cannot(`There is no hold ${id}: it was rolled up, or never was.`);
      const hold = holdRow(row);
      if (hold.state === 'held')
        throw cannot(`The hold ${id} is still in the air: it can be adjusted when it has ended.`);
      const outcome = UNTOLD.includes(hold.outcome) ? 'adjusted' : hold.outcome;
      end(hold, 'settled', { kind: 'adjust', at, why }, { ...hold, nanos, outcome });
      return nanos - hold.nanos;
    },

    expireAll: (at) => expire(selectOpen.all().map(holdRow), at),
    expireDue: (at, clock) => expire(selectDue.all(BigInt(Math.trunc(clock))).map(holdRow), at),
  };
}

/** What is asked of each account by all of the holds together: they fit together or not at all. */
function asked(holds: readonly Hold[]): Iterable<{ readonly account: Account; readonly nanos: number }> {
  const sums = new Map<string, { readonly account: Account; nanos: number }>();
  for (const hold of holds)
    for (const account of hold.accounts) {
      const sum = sums.get(account.key) ?? { account, nanos: 0 };
      sum.nanos = nanoDollars(sum.nanos + nanoDollars(hold.worstNanos));
      sums.set(account.key, sum);
    }
  return sums.values();
}

function cannot(message: string): GatewayError {
  return new GatewayError('invalid_request', message);
}

function nanoDollars(nanos: number): number {
  if (Number.isSafeInteger(nanos) && nanos >= 0) return nanos;
  throw new GatewayError('internal', 'An amount of money is no whole number of nano-dollars.');
}

function holdRow(row: Readonly<Record<string, unknown>>): HoldRow {
  return {
    id: String(row['id']),
    worst: Number(row['worst']),
    state: row['state'] as State,
    nanos: Number(row['charged']),
    outcome: typeof row['outcome'] === 'string' ? row['outcome'] : '',
    pictures: Number(row['pictures']),
    tokens: Number(row['tokens']),
  };
}
