import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { openEmbeddedLedger } from '../../src/tenants/embedded-ledger.ts';
import type { EmbeddedLedger, Operation, Result } from '../../src/tenants/embedded-ledger.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { accountsFor } from '../../src/tenants/state.ts';
import type { Account, Budget, Payer } from '../../src/tenants/state.ts';
import { audit } from './audit.ts';
import { FOR_EVER, hold, LONG, step } from './spend-history.ts';
import type { Step } from './spend-history.ts';
import { SpendModel } from './spend-model.ts';
import { temporaryDirectory } from './temporary.ts';

const STEPS = 500;
const HISTORIES = LONG ? 2_000 : 40;
/** Steps of one commit. */
const AT_ONCE = 20;

type Moment = Step | { readonly verb: 'lapse'; readonly ms: number };
const moment: fc.Arbitrary<Moment> = fc.oneof(
  { weight: 15, arbitrary: step },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('lapse' as const), ms: fc.nat(70_000) }) },
);

/** An operation, and what must come of it. */
interface Expected {
  readonly operation: Operation;
  readonly check: (result: Result) => void;
}

/** What happens to a ledger, in its own words and in the model's. */
class World {
  readonly #model = new SpendModel();
  readonly #run = randomUUID();
  readonly #ids: string[] = [];
  readonly #seen = new Map<string, Account>();
  #touched = new Set<string>();
  #now = Date.parse('2026-10-24T20:00:00Z');
  #clock = 0;

  crash(): void {
    this.#model.crash();
  }

  /** A step as operations, and then the balances of all it touched. */
  *tell(each: Exclude<Moment, { verb: 'crash' }>): Iterable<Expected> {
    if (each.verb === 'wait') this.#now += each.hours * 3_600_000;
    else if (each.verb === 'lapse') {
      this.#clock += each.ms;
      this.#model.lapse(this.#clock);
      yield { operation: { verb: 'expire', at: this.#now, clock: this.#clock }, check: accepted };
    } else if (each.verb === 'rollUp') {
      const which = { before: FOR_EVER, unknownsBefore: each.butUnknown ? 0 : FOR_EVER };
      this.#model.rollUp(each.butUnknown);
      yield { operation: { verb: 'rollUp', which, most: 1_000, at: this.#now }, check: accepted };
    } else if (each.verb === 'reserve') yield this.#reserve(each);
    else if (this.#ids.length > 0) yield this.#change(each);
    yield this.balances([...this.#touched]);
    this.#touched = new Set();
  }

  /** Of some accounts, or of all there are. */
  balances(keys: readonly string[] = [...this.#seen.keys()]): Expected {
    const balances = keys.map((key) => this.#model.balance(key));
    const excesses = keys.map((key) => this.#model.excess(key));
    const limits = keys.map((key) => this.#seen.get(key)!.limitNanos);
    return {
      operation: { verb: 'spent', accountKeys: keys },
      check: (result) => {
        const told = 'told' in result ? result.told.balances : result.failed;
        expect(told).toEqual(balances);
        for (const [index, { spentNanos, heldNanos }] of balances.entries())
          if (spentNanos + heldNanos > limits[index]! + excesses[index]! || Math.min(spentNanos, heldNanos) < 0)
            throw new Error(`overspent: ${keys[index]}`);
      },
    };
  }

  #reserve({ tenant, model, worsts }: Extract<Step, { verb: 'reserve' }>): Expected {
    const budget = (limitNanos: number, over: Partial<Budget> = {}): Budget => {
      return { limitNanos, per: 'month', timeZone: 'UTC', models: null, ...over };
    };
    const id = `${this.#run}-${tenant}`;
    const budgets = [
      budget(25, { per: 'day', timeZone: 'Europe/Berlin' }),
      budget(18, { per: 'day', models: ['pro'] }),
      budget(60),
    ];
    const alongside: readonly Payer[] = [
      { level: 'key', id: `key-${id}`, budgets: [budget(2_000, { per: 'total' })] },
      { level: 'everything', id: 'everything', budgets: [budget(100)] },
    ];
    const accounts = accountsFor({ id, budgets, alongside }, model, this.#now);
    for (const account of accounts) {
      this.#seen.set(account.key, account);
      this.#touched.add(account.key);
    }
    const holds = worsts.map((worst) => hold(accounts, worst, { tenant: id, model }));
    const expected = this.#model.reserve(holds, this.#clock);
    if (expected === 'ok') this.#ids.push(...holds.map((one) => one.id));
    return {
      operation: { verb: 'reserve', holds, at: this.#now, clock: this.#clock },
      check: (result) => expect('told' in result ? 'ok' : result.failed.failure).toBe(expected),
    };
  }

  #change(each: Extract<Step, { which: number }>): Expected {
    // The youngest are asked for the most.
    const id = this.#ids[this.#ids.length - 1 - (each.which % this.#ids.length)]!;
    const at = this.#now;
    const isGone = this.#model.isRolledUp(id);
    for (const { key } of this.#model.accountsOf(id)) this.#touched.add(key);
    if (each.verb === 'settle') {
      if (!isGone) this.#model.settle(id, each.nanos, each.outcome);
      const ended = { nanos: each.nanos, outcome: each.outcome, pictures: 1, tokens: 9 };
      return { operation: { verb: 'settle', id, ended, at }, check: isGone ? refused : accepted };
    }
    if (each.verb === 'release') {
      if (!isGone) this.#model.release(id);
      return { operation: { verb: 'release', id, outcome: 'released', at }, check: isGone ? refused : accepted };
    }
    if (each.verb === 'refund') {
      const nanos = isGone ? 0 : this.#model.refund(id);
      const operation = { verb: 'refund', ids: [id], at, ask: null } as const;
      return { operation, check: told('refunds', [nanos]) };
    }
    const adjustment = `${this.#run}-${each.adjustment}`;
    const by = isGone ? null : this.#model.adjust(adjustment, id, each.nanos);
    const operation = {
      verb: 'adjust',
      adjustment: { adjustment, id, nanos: each.nanos, reason: 'a bill' },
      at,
      ask: null,
    } as const;
    return { operation, check: by === null ? refused : told('adjustedNanos', by) };
  }
}

function accepted(result: Result): void {
  if ('failed' in result) throw result.failed;
}

function refused(result: Result): void {
  expect(result).toHaveProperty('failed');
}

const told = (field: 'refunds' | 'adjustedNanos', nanos: number | readonly number[]) => (result: Result) =>
  expect('told' in result ? result.told[field] : result.failed).toEqual(nanos);

test(`I1 to I6, I9, I11, I12, I14, I15: ${HISTORIES * STEPS} operations do what the plain model does, through crashes and roll-ups`, async () => {
  const directory = temporaryDirectory();
  let run = 0;
  fc.assert(
    fc.property(fc.array(moment, { minLength: STEPS, maxLength: STEPS, size: 'max' }), (moments) => {
      const file = join(directory, `${(run += 1)}.db`);
      const world = new World();
      let ledger: EmbeddedLedger = openEmbeddedLedger(file, 0);
      const waiting: Expected[] = [];
      const commit = (): void => {
        const expected = waiting.splice(0);
        const results = ledger.commit(expected.map(({ operation }) => operation));
        for (const [index, { check }] of expected.entries()) check(results[index]!);
      };
      try {
        for (const each of moments) {
          if (each.verb === 'crash') {
            commit();
            ledger.close();
            ledger = openEmbeddedLedger(file, 0);
            world.crash();
            waiting.push(world.balances());
          } else waiting.push(...world.tell(each));
          if (waiting.length < 2 * AT_ONCE) continue;
          waiting.push(world.balances());
          commit();
        }
        waiting.push(world.balances());
        commit();
      } finally {
        ledger.close();
      }
      expect(audit(file).faults).toEqual([]);
      const db = openLedgerReader(file);
      expect(verifyLedger(db).drifts).toEqual([]);
      db.close();
    }),
    { numRuns: HISTORIES },
  );
}, 7_200_000);
