import { GatewayError } from '../errors.ts';
import { refusal } from './budget.ts';
import type { Account, Balance } from './budget.ts';
import type { Database } from './sqlite.ts';
import type { Hold } from './state.ts';

/** The double entry of the port's verbs: every change of an account is a row of the ledger. Amounts are nano-dollars. */
export interface Books {
  reserve(holds: readonly Hold[], at: number): void;
  settle(id: string, nanos: number, outcome: string, at: number): void;
  release(id: string, at: number): void;
  /** Charges every open hold its worst case, as `unknown`. */
  expireAll(at: number): Expired;
  balance(accountKey: string): Balance;
}

/** Holds of a run that died, and the nano-dollars they were charged. */
export interface Expired {
  readonly holds: number;
  readonly nanos: number;
}

type State = 'held' | 'settled' | 'released' | 'expired';

interface HoldRow {
  readonly id: string;
  readonly worst: number;
  readonly state: State;
}

interface Change {
  readonly kind: 'reserve' | 'settle' | 'release' | 'expire';
  readonly held: number;
  readonly spent: number;
  readonly outcome: string | null;
  readonly at: number;
}

export function booksIn(db: Database): Books {
  const selectAccount = db.prepare('SELECT spent, held FROM account WHERE key = ?');
  const openAccount = db.prepare('INSERT INTO account (key, spent, held) VALUES (?, 0, 0) ON CONFLICT DO NOTHING');
  const insertHold = db.prepare(
    "INSERT INTO hold (id, tenant, key_id, model, worst, state) VALUES (?, ?, ?, ?, ?, 'held')",
  );
  const insertHoldAccount = db.prepare('INSERT INTO hold_account (hold, account) VALUES (?, ?)');
  const selectHold = db.prepare('SELECT id, worst, state FROM hold WHERE id = ?');
  const selectOpen = db.prepare("SELECT id, worst, state FROM hold WHERE state = 'held'");
  const updateHold = db.prepare('UPDATE hold SET state = ? WHERE id = ?');
  const updateAccounts = db.prepare(
    `UPDATE account SET held = held + ?, spent = spent + ?
     WHERE key IN (SELECT account FROM hold_account WHERE hold = ?)`,
  );
  const insertRow = db.prepare(
    `INSERT INTO ledger (at, tenant, key_id, model, hold, kind, delta_held, delta_spent, outcome)
     SELECT ?, tenant, key_id, model, id, ?, ?, ?, ? FROM hold WHERE id = ?`,
  );

  function balance(accountKey: string): Balance {
    const row = selectAccount.get(accountKey);
    return { spentNanos: Number(row?.['spent'] ?? 0), heldNanos: Number(row?.['held'] ?? 0) };
  }

  /** An account's balance and its row in the ledger, always together. */
  function post(id: string, { kind, held, spent, outcome, at }: Change): void {
    updateAccounts.run(BigInt(held), BigInt(spent), id);
    insertRow.run(BigInt(Math.trunc(at)), kind, BigInt(held), BigInt(spent), outcome, id);
  }

  function end(hold: HoldRow, state: State, change: Change): void {
    post(hold.id, change);
    updateHold.run(state, hold.id);
  }

  function find(id: string): HoldRow {
    const row = selectHold.get(id);
    if (row === undefined)
      throw new GatewayError('internal', 'A charge was made that no money was ever set aside for.');
    return holdRow(row);
  }

  return {
    balance,

    reserve(holds, at) {
      let refused: GatewayError | null = null;
      for (const { account, nanos } of asked(holds)) {
        const no = refusal(account, balance(account.key), nanos);
        // Waiting helps against what others hold, but not where another account is exhausted: that is the answer.
        if (no?.failure === 'budget_exhausted') throw no;
        refused ??= no;
      }
      if (refused !== null) throw refused;
      for (const hold of holds) {
        insertHold.run(hold.id, hold.tenant, hold.keyId, hold.model, BigInt(nanoDollars(hold.worstNanos)));
        for (const { key } of hold.accounts) {
          openAccount.run(key);
          insertHoldAccount.run(hold.id, key);
        }
        post(hold.id, { kind: 'reserve', held: hold.worstNanos, spent: 0, outcome: null, at });
      }
    },

    settle(id, nanos, outcome, at) {
      const hold = find(id);
      const charge = nanoDollars(nanos);
      if (hold.state === 'settled') return;
      const held = hold.state === 'held' ? -hold.worst : 0;
      const already = hold.state === 'expired' ? hold.worst : 0;
      end(hold, 'settled', { kind: 'settle', held, spent: charge - already, outcome, at });
    },

    release(id, at) {
      const hold = find(id);
      if (hold.state !== 'held') return;
      end(hold, 'released', { kind: 'release', held: -hold.worst, spent: 0, outcome: null, at });
    },

    expireAll(at) {
      const open = selectOpen.all().map(holdRow);
      for (const hold of open)
        end(hold, 'expired', { kind: 'expire', held: -hold.worst, spent: hold.worst, outcome: 'unknown', at });
      return { holds: open.length, nanos: open.reduce((sum, { worst }) => sum + worst, 0) };
    },
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

function nanoDollars(nanos: number): number {
  if (Number.isSafeInteger(nanos) && nanos >= 0) return nanos;
  throw new GatewayError('internal', 'An amount of money is no whole number of nano-dollars.');
}

function holdRow(row: Readonly<Record<string, unknown>>): HoldRow {
  return { id: String(row['id']), worst: Number(row['worst']), state: row['state'] as State };
}
