import { GatewayError } from '../errors.ts';
import { askedOf, nanoDollars, refusalOf } from './admission.ts';
import type { Balance } from './budget.ts';
import { attributionsIn } from './embedded-attribution.ts';
import type { Database } from '../sqlite.ts';
import type { Adjustment, Hold, Made } from './state.ts';

/** The double entry of the port's verbs: every change of an account is a row of the ledger. Amounts are nano-dollars. */
export interface Books {
  /** `clock` as in `Operation`. */
  reserve(holds: readonly Hold[], at: number, clock: number): void;
  /** Writes a hold down that has been admitted elsewhere, whatever the limits say. */
  record(hold: Recorded, at: number): void;
  /** Where a hold stands; null when it was never written down. */
  stateOf(id: string): HoldState | null;
  /** Whether it came late: after the hold had expired. */
  settle(id: string, ended: Ended, at: number): boolean;
  release(id: string, outcome: string, at: number): void;
  /** Charges every open hold its worst case, as `unknown`. */
  expireAll(at: number): Expired;
  /** The same for those whose lease is over. */
  expireDue(at: number, clock: number): Expired;
  /** The same for those of them that are held still. */
  expire(ids: readonly string[], at: number): Expired;
  /** Gives back what was charged as `unknown`, now that a bill says it cost nothing: the nano-dollars, 0 for any other hold. */
  refund(id: string, at: number): number;
  /** Charges what a bill says it cost: by how many nano-dollars that is more than before. */
  adjust(adjustment: Adjustment, at: number): number;
  /** The same number, and nothing is done; and whether it was made already and another one since. */
  foresee(adjustment: Adjustment): { readonly nanos: number; readonly isOverruled: boolean };
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

export type HoldState = 'held' | 'settled' | 'released' | 'expired';

/** A hold as the books keep it: of its accounts no more than their names. */
export type Recorded = Omit<Hold, 'accounts' | 'limits'> & { readonly accounts: readonly { readonly key: string }[] };

interface HoldRow extends Ended {
  readonly id: string;
  readonly worst: number;
  readonly state: HoldState;
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
  function end(hold: HoldRow, state: HoldState, change: Omit<Change, 'held'>, ended: Ended): void {
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

  function record(hold: Recorded, at: number, clock = at): void {
    const worst = BigInt(nanoDollars(hold.worstNanos));
    const leaseUntil = BigInt(Math.trunc(clock)) + BigInt(Math.ceil(hold.leaseMs));
    insertHold.run(hold.id, worst, attribute(hold), BigInt(Math.trunc(at)), leaseUntil);
    for (const { key } of hold.accounts) {
      openAccount.run(key);
      insertHoldAccount.run(hold.id, key);
    }
    post(hold.id, { kind: 'reserve', held: hold.worstNanos, at }, NOTHING);
  }

  function find(id: string): HoldRow {
    const row = selectHold.get(id);
    if (row === undefined)
      throw new GatewayError('internal', 'A charge was made that no money was ever set aside for.');
    return holdRow(row);
  }

  /** What an adjustment would change, by its id; `hold` is null where it was made already. */
  function foresee({ id, adjustment, nanos, reason }: Adjustment) {
    nanoDollars(nanos);
    const why = { adjustment, reason: reason.trim() };
    if (adjustment === '' || why.reason === '' || why.reason.length > MAX_REASON)
      throw cannot(`An adjustment needs an id of its own, and a reason of 1 to ${MAX_REASON} characters.`);
    const done = selectAdjustment.get(adjustment);
    if (done !== undefined) {
      if (done['hold'] === id) return { hold: null, changed: Number(done['delta_spent']), why };
      throw cannot(`The adjustment ${adjustment} was made to another hold: give this one an id of its own.`);
    }
    const row = selectHold.get(id);
    if (row === undefined) throw cannot(`There is no hold ${id}: it was rolled up, or never was.`);
    const hold = holdRow(row);
    if (hold.state === 'held')
      throw cannot(`The hold ${id} is still in the air: it can be adjusted when it has ended.`);
    return { hold, changed: nanos - hold.nanos, why };
  }

  return {
    balance,

    reserve(holds, at, clock) {
      const refused = refusalOf(askedOf(holds), balance);
      if (refused !== null) throw refused;
      for (const hold of holds) record(hold, at, clock);
    },

    record,
    stateOf: (id) => (selectHold.get(id)?.['state'] as HoldState | undefined) ?? null,

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

    foresee(adjustment) {
      const { hold, changed } = foresee(adjustment);
      const now = hold === null ? selectHold.get(adjustment.id)?.['charged'] : adjustment.nanos;
      return { nanos: changed, isOverruled: Number(now) !== adjustment.nanos };
    },

    adjust(adjustment, at) {
      const { hold, changed, why } = foresee(adjustment);
      if (hold === null) return changed;
      const outcome = UNTOLD.includes(hold.outcome) ? 'adjusted' : hold.outcome;
      end(hold, 'settled', { kind: 'adjust', at, why }, { ...hold, nanos: adjustment.nanos, outcome });
      return changed;
    },

    expireAll: (at) => expire(selectOpen.all().map(holdRow), at),
    expireDue: (at, clock) => expire(selectDue.all(BigInt(Math.trunc(clock))).map(holdRow), at),
    expire: (ids, at) =>
      expire(
        ids
          .map((id) => selectHold.get(id))
          .filter((row) => row !== undefined)
          .map(holdRow)
          .filter(({ state }) => state === 'held'),
        at,
      ),
  };
}

function cannot(message: string): GatewayError {
  return new GatewayError('invalid_request', message);
}

function holdRow(row: Readonly<Record<string, unknown>>): HoldRow {
  return {
    id: String(row['id']),
    worst: Number(row['worst']),
    state: row['state'] as HoldState,
    nanos: Number(row['charged']),
    outcome: typeof row['outcome'] === 'string' ? row['outcome'] : '',
    pictures: Number(row['pictures']),
    tokens: Number(row['tokens']),
  };
}
