import { GatewayError } from '../errors.ts';
import { refusal } from './budget.ts';
import type { Account, Balance } from './budget.ts';
import type { Database } from '../sqlite.ts';
import type { Hold, Made } from './state.ts';

/** The double entry of the port's verbs: every change of an account is a row of the ledger. Amounts are nano-dollars. */
export interface Books {
  reserve(holds: readonly Hold[], at: number): void;
  /** Whether it came late: after the hold had expired. */
  settle(id: string, ended: Ended, at: number): boolean;
  release(id: string, outcome: string, at: number): void;
  /** Charges every open hold its worst case, as `unknown`. */
  expireAll(at: number): Expired;
  /** The same for those whose lease is over. */
  expireDue(at: number): Expired;
  /** Gives back what was charged as `unknown`, now that a bill says it cost nothing: the nano-dollars. */
  refund(id: string, at: number): number;
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
  readonly kind: 'reserve' | 'settle' | 'release' | 'expire' | 'refund';
  readonly held: number;
  readonly at: number;
}

const HOLD = 'SELECT id, worst, state, charged, outcome, pictures, tokens FROM hold';
/** Characters kept of an end user's name: four times what OpenAI lets it have. */
const MAX_USER = 256;
const NOTHING: Ended = { nanos: 0, outcome: '', pictures: 0, tokens: 0 };

export function booksIn(db: Database): Books {
  const selectAccount = db.prepare('SELECT spent, held FROM account WHERE key = ?');
  const openAccount = db.prepare('INSERT INTO account (key, spent, held) VALUES (?, 0, 0) ON CONFLICT DO NOTHING');
  const insertAttribution = db.prepare(
    `INSERT INTO attribution (tenant, key_id, model, upstream, tier, user, tags) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  );
  const selectAttribution = db.prepare(
    `SELECT id FROM attribution
     WHERE (tenant, key_id, model, upstream, tier, user, tags) = (?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertHold = db.prepare(
    "INSERT INTO hold (id, worst, state, attribution, at, lease_until) VALUES (?, ?, 'held', ?, ?, ?)",
  );
  const insertHoldAccount = db.prepare('INSERT INTO hold_account (hold, account) VALUES (?, ?)');
  const selectHold = db.prepare(`${HOLD} WHERE id = ?`);
  const selectOpen = db.prepare(`${HOLD} WHERE state = 'held'`);
  const selectDue = db.prepare(`${HOLD} WHERE state = 'held' AND lease_until <= ?`);
  const updateHold = db.prepare(
    'UPDATE hold SET state = ?, charged = ?, outcome = ?, pictures = ?, tokens = ? WHERE id = ?',
  );
  const updateAccounts = db.prepare(
    `UPDATE account SET held = held + ?, spent = spent + ?
     WHERE key IN (SELECT account FROM hold_account WHERE hold = ?)`,
  );
  const insertRow = db.prepare(
    `INSERT INTO ledger (at, attribution, hold, kind, delta_held, delta_spent, outcome, pictures, tokens)
     SELECT ?, attribution, id, ?, ?, ?, ?, ?, ? FROM hold WHERE id = ?`,
  );
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
  function post(id: string, { kind, held, at }: Change, { nanos, outcome, pictures, tokens }: Ended): void {
    updateAccounts.run(BigInt(held), BigInt(nanos), id);
    const amounts = [BigInt(held), BigInt(nanos)] as const;
    insertRow.run(BigInt(Math.trunc(at)), kind, ...amounts, outcome || null, BigInt(pictures), BigInt(tokens), id);
  }

  /** What a hold has come to counts once in the usage report, under its last outcome. */
  function count(id: string, ended: Ended, calls: 1 | -1): void {
    if (ended.outcome === '') return;
    const sums = [calls, calls * ended.pictures, calls * ended.tokens, calls * ended.nanos].map(BigInt);
    addUsage.run(ended.outcome, ...sums, id);
  }

  /** Takes a hold to what it cost in the end, from whatever it was charged before. */
  function end(hold: HoldRow, state: State, kind: Change['kind'], ended: Ended, at: number): void {
    const held = hold.state === 'held' ? -hold.worst : 0;
    post(
      hold.id,
      { kind, held, at },
      {
        nanos: ended.nanos - hold.nanos,
        outcome: ended.outcome,
        pictures: ended.pictures - hold.pictures,
        tokens: ended.tokens - hold.tokens,
      },
    );
    count(hold.id, hold, -1);
    updateHold.run(state, BigInt(ended.nanos), ended.outcome, BigInt(ended.pictures), BigInt(ended.tokens), hold.id);
    count(hold.id, ended, 1);
  }

  function expire(open: readonly HoldRow[], at: number): Expired {
    for (const hold of open) end(hold, 'expired', 'expire', { ...NOTHING, nanos: hold.worst, outcome: 'unknown' }, at);
    return { holds: open.length, nanos: open.reduce((sum, { worst }) => sum + worst, 0) };
  }

  function attribute({ tenant, keyId, model, upstream, tier, user, tags }: Hold): bigint {
    const who = [tenant, keyId, model, upstream, tier ?? '', (user ?? '').slice(0, MAX_USER), JSON.stringify(tags)];
    insertAttribution.run(...who);
    return BigInt(Number(selectAttribution.get(...who)?.['id']));
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
      const begun = BigInt(Math.trunc(at));
      for (const hold of holds) {
        const worst = BigInt(nanoDollars(hold.worstNanos));
        insertHold.run(hold.id, worst, attribute(hold), begun, begun + BigInt(Math.ceil(hold.leaseMs)));
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
      end(hold, 'settled', 'settle', ended, at);
      return hold.state === 'expired';
    },

    release(id, outcome, at) {
      const hold = find(id);
      if (hold.state === 'held') end(hold, 'released', 'release', { ...NOTHING, outcome }, at);
    },

    refund(id, at) {
      const hold = find(id);
      if (hold.outcome !== 'unknown') return 0;
      end(hold, hold.state, 'refund', { ...NOTHING, outcome: 'refunded' }, at);
      return hold.nanos;
    },

    expireAll: (at) => expire(selectOpen.all().map(holdRow), at),
    expireDue: (at) => expire(selectDue.all(BigInt(Math.trunc(at))).map(holdRow), at),
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
