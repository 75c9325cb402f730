import { randomUUID } from 'node:crypto';
import { GatewayError } from '../errors.ts';
import { RedisFailure } from '../redis.ts';
import type { Redis } from '../redis.ts';
import { askedOf, nanoDollars, refusalOf } from './admission.ts';
import type { Tenant } from './authenticate.ts';
import type { Expired } from './embedded-books.ts';
import type { StateEvents } from './embedded-state.ts';
import { forgetTenant, scrub } from './embedded-forget.ts';
import { openLedgerThread } from './embedded-thread.ts';
import { registryCopy } from './registry-copy.ts';
import type { RegistryCopy } from './registry-copy.ts';
import { judgeImages } from './image-limits.ts';
import { perMinute } from './limits.ts';
import type { CountLimit } from './limits.ts';
import type { Entry } from './mirror.ts';
import { EMPTY, standing } from './rate-limit.ts';
import type { Bucket, Standing } from './rate-limit.ts';
import { Errands } from './redis-errands.ts';
import { membership } from './redis-membership.ts';
import { recordOf } from './redis-hold.ts';
import { LostEpoch, RedisStore } from './redis-store.ts';
import type { Reserved } from './redis-store.ts';
import type { AuditEntry, Ask } from './registry-store.ts';
import { savedWriter } from './saved-writer.ts';
import type { Balance, Hold, SpendState } from './state.ts';

/** Where a live and a simulated picture are kept apart: they never meet each other's money. */
export type Realm = 'live' | 'simulator' | `test-${string}`;

export interface RedisStateOptions {
  readonly redis: Redis;
  readonly realm: Realm;
  /** This instance's own copy of the ledger. Its directory is this process's alone. */
  readonly file: string;
  /** Unix ms. */
  readonly now: () => number;
  readonly events: RedisStateEvents;
  /** Writes a row of the audit trail. */
  readonly audit: (entry: AuditEntry) => Promise<void>;
}

export interface RedisStateEvents extends Omit<StateEvents, 'disk'> {
  /** Holds of an earlier run on this directory, charged in full. */
  buried(expired: Expired): void;
  /** For whoever runs this: Redis came, went, lost something, or is set up badly. */
  noted(level: 'info' | 'warn', message: string, fields?: Readonly<Record<string, string | number>>): void;
  /** A fault of our own, or of Redis. */
  faulted(message: string, error: unknown): void;
  /** Balances were taken over from Redis because this ledger had not seen all that made them. */
  resynced(): void;
  readonly limited: CountLimit;
}

export interface RedisState extends SpendState {
  /** Charges what is held past its lease, on any instance. It is done every 5 s by itself. */
  sweep(): Promise<Expired>;
  /** Where a tenant stands with its pictures of a minute, as far as this instance last heard; null: not limited. */
  standing(tenant: Pick<Tenant, 'id' | 'limits'>): Standing | null;
  /** The balances in this instance's own ledger, which may be a moment behind, or an outage. */
  lastKnown(accountKeys: readonly string[]): Promise<readonly Balance[]>;
  /** Charges that Redis has still to be told. */
  untold(): number;
  /** Of tenants and keys, in the same file. */
  readonly copy: RegistryCopy;
}

/**
 * An answer takes Redis a tenth of a millisecond, and more than 300 where two cores are fought over by ten processes:
 * to take that for an outage would refuse what could be had. Three missed in a row and nobody waits any more.
 */
const LEDGER_DEADLINE_MS = 1_000;
const CLOSE_MS = 2_000;
const RETRY_AFTER_SECONDS = 2;
const TENANTS = 65_536;

/**
 * The state of several instances that share a Redis. It decides; every instance has the whole ledger in its own file
 * beside, and nothing that was sent is known to Redis alone.
 * Rejects with GatewayError `unavailable`: the file cannot be used, or Redis answers and must not be used, and why. A
 * Redis that does not answer is waited for: until it comes nothing is admitted.
 */
export async function openRedisState(options: RedisStateOptions): Promise<RedisState> {
  const { redis, realm, file, now, events } = options;
  const prefix = prefixOf(realm);
  const run = randomUUID();
  const thread = await openLedgerThread({ file, at: now(), mirror: true });
  const { memory } = await thread.ask({ verb: 'recall', run, at: now() });
  const store = new RedisStore({ redis, prefix, deadlineMs: LEDGER_DEADLINE_MS });
  const onReady = (): Promise<void> => errands.run();
  const member = membership({ redis, store, thread, prefix, run, memory: memory!, now, events, onReady });
  const { trouble, lostEpoch } = member;
  const errands: Errands = new Errands(
    {
      store,
      thread,
      isReady: member.isReady,
      onLostEpoch: lostEpoch,
      onLate: events.settledLate,
      onRefused: (error) => events.faulted('state: Redis did not take a charge; it is told again until it does', error),
    },
    memory!.errands,
  );
  const buckets = new Map<string, Bucket>();
  const closing = new AbortController();
  const saved = savedWriter(now, async (batch) => {
    if (!member.isReady()) throw unavailable(trouble() ?? 'not yet');
    await errands.send({ verb: 'save', batch });
  });

  async function close(): Promise<void> {
    closing.abort();
    await saved.close();
    await errands.close(CLOSE_MS);
    await member.close(CLOSE_MS);
    await thread.close();
  }

  try {
    await member.begin();
  } catch (error) {
    await close();
    throw error;
  }

  /** Callers need not know of what; /readyz and the log say why. */
  function unavailable(cause?: unknown): GatewayError {
    const message = 'Budgets cannot be had now, and nothing that costs money is sent without them. Try again later.';
    return new GatewayError('unavailable', message, { retryAfterSeconds: RETRY_AFTER_SECONDS }, cause);
  }

  async function asked(holds: readonly Hold[]): Promise<Reserved> {
    if (trouble() !== null) throw unavailable();
    try {
      return await store.reserve(run, holds);
    } catch (error) {
      if (error instanceof LostEpoch) lostEpoch();
      // It may have been done, or may be done yet, and nobody will use it.
      if (error instanceof RedisFailure && error.maybeDone) withdraw(holds);
      if (error instanceof RedisFailure && error.kind === 'refused')
        events.faulted('state: Redis takes no reservations', error);
      throw unavailable(error);
    }
  }

  /** Nothing is sent that only Redis knows of. */
  async function writeDown(entry: Entry): Promise<void> {
    const operation = { verb: 'replay', entries: [entry], position: null } as const;
    try {
      await thread.ask(operation);
    } catch {
      // Balances of the very largest amounts have no room for it before what came earlier is written down.
      await member.follow();
      await thread.ask(operation);
    }
  }

  function withdraw(holds: readonly Hold[]): void {
    // Closed before it was told, or never on disk: then its lease ends it.
    errands.send({ verb: 'withdraw', ids: holds.map(({ id }) => id) }).catch(() => undefined);
  }

  function remember(tenant: string, backlog: number): void {
    buckets.delete(tenant);
    buckets.set(tenant, { backlog, at: clock() });
    for (const oldest of buckets.keys()) {
      if (buckets.size <= TENANTS) break;
      buckets.delete(oldest);
    }
  }

  /** Rejects where Redis cannot be asked: what an operator does is done now or not at all. */
  function mustBeThere(): void {
    const why = trouble();
    if (why !== null) throw unavailable(why);
  }

  async function noted(
    ask: Ask | null | undefined,
    told: Pick<AuditEntry, 'after' | 'amountNanos' | 'result'>,
  ): Promise<void> {
    if (ask !== null && ask !== undefined) await options.audit({ ...ask, before: null, ...told });
  }

  async function refund(id: string): Promise<number> {
    const { holds = [] } = await thread.ask({ verb: 'holds', since: Infinity, ids: [id] });
    const [known] = holds;
    if (known?.ended.outcome !== 'unknown') return 0;
    await errands.send({ verb: 'refund', id });
    // The same hold may be named again.
    await member.follow();
    return known.ended.nanos;
  }

  return {
    sweep: member.sweep,
    trouble,
    close,
    copy: registryCopy(thread, closing.signal),
    untold: () => errands.size,
    async reserve(holds) {
      const [first] = holds;
      if (first === undefined) return;
      const wanted = askedOf(holds);
      const { verdict, at, balances, ...found } = await asked(holds);
      if (verdict === 'known') throw new GatewayError('internal', 'Money was asked for twice under one name.');
      const { limits, tenant } = first;
      if (limits !== null && limits.mode !== 'off') {
        if (limits.imagesPerMinute !== null) remember(tenant, found.backlog);
        judgeImages(limits, holds.length, found, events.limited);
      }
      if (verdict !== 'ok')
        throw (
          refusalOf(wanted, (_, index) => balances[index]!) ??
          new GatewayError('internal', 'Redis refused what the budgets allow.')
        );
      try {
        await writeDown({ at, change: { verb: 'reserve', run, holds: holds.map(recordOf) } });
      } catch (error) {
        withdraw(holds);
        throw error;
      }
    },
    async settle(id, nanos, outcome, made = { pictures: 0, tokens: 0 }) {
      await errands.send({ verb: 'settle', id, ended: { nanos: nanoDollars(nanos), outcome, ...made } });
    },
    release: (id, outcome = 'released') => errands.send({ verb: 'release', id, outcome }),
    save: saved.add,
    async refund(ids, ask) {
      mustBeThere();
      await member.follow();
      const nanos: number[] = [];
      for (const id of ids) nanos.push(await refund(id));
      const refunded = ids.flatMap((hold, index) => (nanos[index]! > 0 ? [{ hold, nanos: nanos[index]! }] : []));
      const result = refunded.length > 0 ? 'done' : 'nothing_to_refund';
      await noted(ask, { after: { refunded }, amountNanos: null, result });
      return nanos;
    },
    async adjust(adjustment, ask) {
      mustBeThere();
      await member.follow();
      const { foreseen } = await thread.ask({ verb: 'foresee', adjustment });
      const { nanos: changed, isOverruled } = foreseen!;
      // Redis knows for a day only what was adjusted, and would take it for a new one.
      if (!isOverruled) await errands.send({ verb: 'adjust', adjustment });
      await member.follow();
      await noted(ask, { after: { ...adjustment, changed }, amountNanos: changed, result: 'done' });
      return changed;
    },
    // Each instance keeps the ledger for as long as it is configured to: nothing is decided by what it rolls up.
    async rollUp(which, most) {
      const { rolled } = await thread.ask({ verb: 'rollUp', which, most, at: now() });
      return rolled?.more === true;
    },
    async forget(tenant) {
      mustBeThere();
      await saved.flush();
      await member.follow();
      await thread.ask({ verb: 'landed', tenant });
      const { keysOf = { keys: [], accounts: [] } } = await thread.ask({ verb: 'keysOf', tenant });
      try {
        await store.forget(tenant, keysOf);
      } catch (error) {
        if (error instanceof LostEpoch) lostEpoch();
        throw unavailable(error);
      }
      await forgetTenant(thread, tenant, now());
      await scrub(thread, closing.signal);
    },
    async spent(accountKeys) {
      if (trouble() !== null) throw unavailable();
      try {
        return await store.spent(accountKeys);
      } catch (error) {
        if (error instanceof LostEpoch) lostEpoch();
        throw unavailable(error);
      }
    },
    async lastKnown(accountKeys) {
      const { balances = [] } = await thread.ask({ verb: 'spent', accountKeys });
      return balances;
    },
    standing({ id, limits }) {
      const limit = limits?.imagesPerMinute ?? null;
      return limit === null ? null : standing(buckets.get(id) ?? EMPTY, perMinute(limit), clock());
    },
  };
}

/** What all keys of a realm begin with: one hash tag, so that they are in one slot of a cluster. */
export function prefixOf(realm: Realm): string {
  return `{plantain}:${realm}:`;
}

/** Whole ms of a clock that never goes back. */
function clock(): number {
  return Math.floor(performance.now());
}
