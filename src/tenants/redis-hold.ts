import type { Recorded } from './embedded-books.ts';
import type { Change, KnownHold } from './mirror.ts';
import type { Hold } from './state.ts';

const DAY_MS = 86_400_000;
/** How long accounts are kept from the beginning of their period: a late charge comes within a day of its hold's end. */
const KEPT_MS = { day: 40 * DAY_MS, month: 75 * DAY_MS };
const MAX_USER = 256;

/** What the ledger keeps of a hold. */
export function recordOf(hold: Hold): Recorded {
  const { id, tenant, keyId, model, upstream, tier, user, tags, leaseMs, worstNanos, accounts } = hold;
  const who = { tenant, keyId, model, upstream, tier, user: user === null ? null : user.slice(0, MAX_USER), tags };
  return { id, ...who, leaseMs: Math.ceil(leaseMs), worstNanos, accounts: accounts.map(({ key }) => ({ key })) };
}

/** A hold for a script: what it reckons with, and the words it only keeps. */
export function words(hold: Recorded): object {
  const accounts = hold.accounts.map(({ key }) => [key, keptUntil(key)]);
  return { id: hold.id, worst: hold.worstNanos, lease: hold.leaseMs, accounts, json: JSON.stringify(hold) };
}

/** The same with what became of it, as `assert` is told. */
export function assertion({ hold, run, at, state, ended }: KnownHold): object {
  const opening: Change = { verb: 'reserve', run, holds: [hold] };
  const { id } = hold;
  const ending: Record<KnownHold['state'], Change | null> = {
    held: null,
    settled: { verb: 'settle', id, ended },
    released: { verb: 'release', id, outcome: ended.outcome },
    expired: { verb: 'expire', ids: [id] },
  };
  return {
    ...words(hold),
    tenant: hold.tenant,
    run,
    begun: at,
    state,
    ...ended,
    opening: JSON.stringify(opening),
    ending: JSON.stringify(ending[state]),
  };
}

/** When an account may be forgotten (unix ms), 0 for never: its key ends with its period. */
export function keptUntil(accountKey: string): number {
  const period = String((JSON.parse(accountKey) as readonly unknown[]).at(-1));
  const begun = Date.parse(period);
  return Number.isNaN(begun) ? 0 : begun + (period.length > 'yyyy-mm'.length ? KEPT_MS.day : KEPT_MS.month);
}
