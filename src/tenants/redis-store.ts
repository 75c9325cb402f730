import type { Redis, Reply, Script } from '../redis.ts';
import { askedOf } from './admission.ts';
import type { Balance } from './budget.ts';
import type { Expired, Recorded } from './embedded-books.ts';
import type { KeysOf } from './embedded-rollup.ts';
import { perMinute } from './limits.ts';
import type { Change, Entry, Errand, KnownHold, Snapshot } from './mirror.ts';
import { assertion, keptUntil, recordOf, words } from './redis-hold.ts';
import { SCRIPTS } from './redis-scripts.ts';
import type { Hold } from './state.ts';

/** Redis has lost its accounts, or has others than those this instance knows: nothing was done. */
export class LostEpoch extends Error {}

/** What came of asking for money and limits; `balances` in the order of `askedOf`. */
export interface Reserved {
  readonly verdict: 'ok' | 'limited' | 'short' | 'known';
  /** Unix ms, by the clock of Redis. */
  readonly at: number;
  readonly waitMs: number;
  readonly aloft: number;
  /** Of pictures a minute, as `Bucket` has it. */
  readonly backlog: number;
  readonly balances: readonly Balance[];
}

export interface Ran {
  /** False: Redis knows no such hold. */
  readonly found: boolean;
  /** It came after the hold had expired. */
  readonly late: boolean;
  /** The change it made; null: none. */
  readonly entry: Entry | null;
}

const DONE: Ran = { found: true, late: false, entry: null };

export interface Followed {
  /** Of the last entry there is. */
  readonly number: number;
  readonly entries: readonly (Entry & { readonly id: string; readonly number: number })[];
}

/** A batch of expired holds; `looked` is 0 when none is left. */
export interface Swept extends Expired {
  readonly looked: number;
}

const DAY_MS = 86_400_000;
const KEPT_LEDGER_MS = 7 * DAY_MS;
const AT_A_TIME = 100;
/** By their names alone: a few milliseconds of Redis's. */
const ASKED_AT_A_TIME = 1_000;
/** For what no caller waits for: whole batches, and all accounts at once. */
const PATIENT_MS = 5_000;
const UNAWAITED: readonly Script[] = [
  SCRIPTS.snapshot,
  SCRIPTS.unlike,
  SCRIPTS.assert,
  SCRIPTS.found,
  SCRIPTS.sweep,
  SCRIPTS.bury,
];

/** The verbs of the port on Redis, each of them one script. Rejects with RedisFailure, or LostEpoch. */
export class RedisStore {
  /** That of the accounts this instance knows. */
  epoch = '';
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #deadlineMs: number;

  constructor(options: { readonly redis: Redis; readonly prefix: string; readonly deadlineMs: number }) {
    this.#redis = options.redis;
    this.#prefix = options.prefix;
    this.#deadlineMs = options.deadlineMs;
  }

  async reserve(run: string, holds: readonly Hold[]): Promise<Reserved> {
    const { tenant, limits } = holds[0]!;
    const off = limits === null || limits.mode === 'off';
    const recorded = holds.map(recordOf);
    const ask = {
      run,
      tenant,
      enforce: limits?.mode === 'enforce',
      perMinute: off ? -1 : (limits.imagesPerMinute ?? -1),
      periodMs: perMinute(1).periodMs,
      atOnce: off ? -1 : (limits.concurrentImages ?? -1),
      accounts: askedOf(holds).map(({ account, nanos }) => ({ key: account.key, limit: account.limitNanos, nanos })),
      holds: recorded.map(words),
    };
    const change: Change = { verb: 'reserve', run, holds: recorded };
    const reply = await this.#ask(SCRIPTS.reserve, JSON.stringify(ask), JSON.stringify(change));
    const [verdict, at, waitMs, aloft, backlog, balances = []] = reply;
    return {
      verdict: String(verdict).toLowerCase() as Reserved['verdict'],
      at: Number(at),
      waitMs: Number(waitMs),
      aloft: Number(aloft),
      backlog: Number(backlog),
      balances: balancesOf(balances),
    };
  }

  /** Does an errand; repeated, it changes nothing. `known` is asked for a correction. */
  async run(errand: Errand, known: () => Promise<KnownHold | null>): Promise<Ran> {
    if (errand.verb === 'withdraw') {
      await this.#ask(SCRIPTS.withdraw, JSON.stringify(errand.ids));
      return DONE;
    }
    if (errand.verb === 'refund') {
      const hold = await known();
      if (hold === null) return { ...DONE, found: false };
      const accounts = hold.hold.accounts.map(({ key }) => key).join('\n');
      const told = [String(hold.ended.nanos), accounts, hold.state];
      const words = (['expired', 'settled'] as const).map((was) => JSON.stringify({ ...errand, was } satisfies Change));
      await this.#ask(SCRIPTS.refund, errand.id, ...told, ...words);
      return DONE;
    }
    if (errand.verb === 'adjust') {
      const { id, adjustment, nanos } = errand.adjustment;
      const hold = await known();
      if (hold === null) return { ...DONE, found: false };
      const accounts = hold.hold.accounts.map(({ key }) => key).join('\n');
      const amounts = [nanos, hold.ended.nanos].map(String);
      await this.#ask(SCRIPTS.adjust, id, adjustment, ...amounts, accounts, JSON.stringify(errand));
      return DONE;
    }
    if (errand.verb === 'save') {
      await this.#ask(SCRIPTS.note, JSON.stringify(errand));
      return DONE;
    }
    const [state, ended] =
      errand.verb === 'settle'
        ? (['settled', errand.ended] as const)
        : (['released', { nanos: 0, outcome: errand.outcome, pictures: 0, tokens: 0 }] as const);
    const amounts = [ended.nanos, ended.outcome, ended.pictures, ended.tokens].map(String);
    const reply = await this.#ask(SCRIPTS.end, errand.id, state, ...amounts, JSON.stringify(errand));
    const [word, was, changed, at] = reply;
    const entry = changed === 1 ? { at: Number(at), change: errand } : null;
    return { found: word === 'OK', late: was === 'expired' && entry !== null, entry };
  }

  /**
   * Does an errand of a hold that Redis does not know, and that this instance knows to have ended. Null: it cannot have been
   * forgotten yet, so it was lost, and must be told first.
   */
  async runForgotten(errand: Errand, { hold, at, state, ended }: KnownHold): Promise<Ran | null> {
    // Whatever ended it has the last word over a release, and over a settlement that is told twice.
    const isLate = errand.verb === 'settle' && state !== 'settled';
    const { nanos, outcome, pictures, tokens } = isLate ? errand.ended : ended;
    const accounts = hold.accounts.map(({ key }) => key).join('\n');
    const told = [at, ended.nanos, accounts, nanos, outcome, pictures, tokens].map(String);
    const words = isLate ? JSON.stringify(errand) : '';
    const [word, was, changed, now] = await this.#ask(SCRIPTS.settleForgotten, hold.id, ...told, words);
    if (word === 'YOUNG') return null;
    const entry = isLate && changed === 1 ? { at: Number(now), change: errand } : null;
    return { found: true, late: was === 'expired' && entry !== null, entry };
  }

  async spent(accountKeys: readonly string[]): Promise<readonly Balance[]> {
    const [, balances = []] = await this.#ask(SCRIPTS.spent, ...accountKeys);
    return balancesOf(balances);
  }

  sweep(): Promise<Swept> {
    return this.#expire(SCRIPTS.sweep, String(AT_A_TIME), String(KEPT_LEDGER_MS));
  }

  /** The same for what a dead run has left. */
  bury(run: string): Promise<Swept> {
    return this.#expire(SCRIPTS.bury, run, String(AT_A_TIME));
  }

  async follow(id: string): Promise<Followed> {
    const [, number, entries] = await this.#ask(SCRIPTS.follow, id, String(AT_A_TIME));
    return { number: Number(number), entries: (entries as readonly Reply[]).map(entryOf) };
  }

  /** `ids`: the holds whose end is asked for. */
  async snapshot(ids: readonly string[], at: number): Promise<Snapshot> {
    const { epoch } = this;
    const reply = await this.#ask(SCRIPTS.snapshot, JSON.stringify(ids));
    const [, number, id] = reply;
    const [accounts, open, ended] = reply.slice(3) as (readonly (readonly string[])[])[];
    return {
      position: { epoch, id: String(id), number: Number(number) },
      at,
      accounts: accounts!.map(([key, spent, held]) => ({ key: key!, spent: Number(spent), held: Number(held) })),
      open: open!.map(([json, begun, run]) => ({
        hold: JSON.parse(json!) as Recorded,
        run: run!,
        at: Number(begun),
      })),
      ended: ended!.map(([hold, state, nanos, outcome, pictures, tokens]) => ({
        id: hold!,
        state: state as KnownHold['state'],
        ended: { nanos: Number(nanos), outcome: outcome!, pictures: Number(pictures), tokens: Number(tokens) },
      })),
    };
  }

  /** Tells of holds that Redis may have lost. Idempotent, whoever else tells of them. The number of those it had lost. */
  async assert(holds: readonly KnownHold[]): Promise<number> {
    let added = 0;
    for (let asked = 0; asked < holds.length; asked += ASKED_AT_A_TIME) {
      const news = await this.#unlike(holds.slice(asked, asked + ASKED_AT_A_TIME));
      for (let start = 0; start < news.length; start += AT_A_TIME) {
        const some = news.slice(start, start + AT_A_TIME).map(assertion);
        added += Number(await this.#run(SCRIPTS.assert, [JSON.stringify(some)]));
      }
    }
    return added;
  }

  /** Those that would change something: after a loss all instances tell the same, and nearly all of it was not lost. */
  async #unlike(holds: readonly KnownHold[]): Promise<readonly KnownHold[]> {
    if (holds.length === 1) return holds;
    const asked = holds.flatMap(({ hold, state }) => [hold.id, state]);
    const indexes = (await this.#run(SCRIPTS.unlike, asked)) as readonly number[];
    return indexes.map((index) => holds[index]!);
  }

  /** Begins an epoch on accounts that are whole as far as everybody knew under this cut. False: they are not any more. */
  async begin(cut: string, epoch: string): Promise<boolean> {
    return (await this.#run(SCRIPTS.begin, [cut, epoch])) === 1;
  }

  /** Tells what accounts were charged before the cut. Of several instances' sums the largest counts. */
  async found(sums: readonly { readonly key: string; readonly nanos: number }[]): Promise<void> {
    for (let start = 0; start < sums.length; start += AT_A_TIME) {
      const some = sums.slice(start, start + AT_A_TIME).map(({ key, nanos }) => [key, nanos, keptUntil(key)]);
      await this.#run(SCRIPTS.found, [JSON.stringify(some)]);
    }
  }

  /** Tells all others to forget a tenant; its keys' accounts go here, or whoever takes balances over knew of them again. */
  async forget(tenant: string, { keys, accounts }: KeysOf): Promise<void> {
    const change: Change = { verb: 'forget', tenant, keys };
    await this.#ask(SCRIPTS.note, JSON.stringify(change));
    for (let start = 0; start < accounts.length; start += AT_A_TIME) {
      const some = accounts.slice(start, start + AT_A_TIME);
      await this.#redis.command(['DEL', ...some.map((key) => `${this.#prefix}a:${key}`)], PATIENT_MS);
      await this.#redis.command(['ZREM', `${this.#prefix}accounts`, ...some], PATIENT_MS);
    }
  }

  async #expire(script: Script, ...args: readonly string[]): Promise<Swept> {
    const [, holds, nanos, looked] = await this.#ask(script, ...args);
    return { holds: Number(holds), nanos: Number(nanos), looked: Number(looked) };
  }

  async #ask(script: Script, ...args: readonly string[]): Promise<readonly Reply[]> {
    const reply = (await this.#run(script, [this.epoch, ...args])) as readonly Reply[];
    if (reply[0] === 'NOEPOCH' || reply[0] === 'EPOCH') throw new LostEpoch();
    return reply;
  }

  #run(script: Script, args: readonly string[]): Promise<Reply> {
    const deadlineMs = UNAWAITED.includes(script) ? PATIENT_MS : this.#deadlineMs;
    return this.#redis.run(script, [this.#prefix], args, deadlineMs);
  }
}

function balancesOf(reply: Reply): readonly Balance[] {
  const numbers = (reply as readonly Reply[]).map(Number);
  return Array.from({ length: numbers.length / 2 }, (_, index) => ({
    spentNanos: numbers[2 * index]!,
    heldNanos: numbers[2 * index + 1]!,
  }));
}

function entryOf(reply: Reply): Followed['entries'][number] {
  const [id, fields] = reply as readonly [string, readonly string[]];
  const field = (name: string): string => fields[fields.indexOf(name) + 1] ?? '';
  return { id, number: Number(field('n')), at: Number(field('at')), change: JSON.parse(field('op')) as Change };
}
