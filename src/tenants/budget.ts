import { GatewayError } from '../errors.ts';

/** A cap on spending: so much in every day or month of a time zone, or so much altogether. */
export interface Budget {
  /** Nano-dollars, a safe integer. */
  readonly limitNanos: number;
  readonly per: Per;
  /** IANA name: where a day or month begins. */
  readonly timeZone: string;
  /** Canonical ids of the models whose cost counts; null = all. */
  readonly models: readonly string[] | null;
}

export type Per = 'day' | 'month' | 'total';

/** Whose budget it is, from the nearest to the widest. */
export type Level = 'key' | 'tenant' | 'organisation' | 'everything';
export const LEVELS = ['key', 'tenant', 'organisation', 'everything'] as const satisfies readonly Level[];

/** Somebody whose budgets a picture counts on. */
export interface Payer {
  readonly level: Level;
  /** Unique within its level. */
  readonly id: string;
  readonly budgets: readonly Budget[];
}

/** A tenant as far as money is concerned. */
export interface Spender {
  readonly id: string;
  readonly budgets: readonly Budget[];
  /** Who pays beside the tenant itself: the key, the organisation, everything. Absent: nobody. */
  readonly alongside?: readonly Payer[] | undefined;
}

/** A budget in one of its periods: what spending is counted on. */
export interface Account extends Budget {
  /** Names owner, budget and period, and nothing else: a changed limit goes on with the same account. */
  readonly key: string;
  readonly level: Level;
  /** The payer's id. */
  readonly owner: string;
  /** `2026-11-22`, `2026-11` or `total`. */
  readonly period: string;
}

/** What an account stands at, in nano-dollars. */
export interface Balance {
  readonly spentNanos: number;
  /** The worst cases of what is being drawn now. */
  readonly heldNanos: number;
}

const NANOS_PER_DOLLAR = 1_000_000_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** How soon a picture in the air may have landed and freed what it held. */
const RESERVED_RETRY_SECONDS = 5;

/**
 * The accounts that one picture of a model counts on, in the periods that hold `at` (unix ms), from the nearest to the
 * widest. The periods are fixed here, before anything is sent: what is begun on the 31st is charged to the 31st.
 * Throws RangeError for an unknown time zone.
 */
export function accountsFor(spender: Spender, model: string, at: number): readonly Account[] {
  return accountsOf(payersOf(spender), at).filter(({ models }) => models === null || models.includes(model));
}

/** Everybody whose budgets a spender's pictures count on, from the nearest to the widest. */
export function payersOf({ id, budgets, alongside = [] }: Spender): readonly Payer[] {
  const payers: readonly Payer[] = [{ level: 'tenant', id, budgets }, ...alongside];
  return payers.toSorted((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
}

/** The accounts of payers in the periods that hold `at`, each of them once: of two limits on one the lower counts. */
export function accountsOf(payers: readonly Payer[], at: number): readonly Account[] {
  const accounts = new Map<string, Account>();
  const periods = new Map<string, string>();
  for (const { level, id: owner, budgets } of payers)
    for (const budget of budgets) {
      const { per, timeZone } = budget;
      const period = periods.get(`${per} ${timeZone}`) ?? periodOf(budget, at);
      periods.set(`${per} ${timeZone}`, period);
      const models = budget.models === null ? null : [...new Set(budget.models)].sort();
      const named = [owner, per, timeZone, models, period];
      // A tenant's accounts were there before there were levels, and go on under the names they had: one word shorter.
      const key = JSON.stringify(level === 'tenant' ? named : [level, ...named]);
      const same = accounts.get(key);
      if (same === undefined || budget.limitNanos < same.limitNanos)
        accounts.set(key, { ...budget, models, key, level, owner, period });
    }
  return [...accounts.values()];
}

/** The period of a budget that holds `at` (unix ms), in the budget's time zone. Later periods compare greater. */
export function periodOf({ per, timeZone }: Pick<Budget, 'per' | 'timeZone'>, at: number): string {
  if (per === 'total') return 'total';
  const part: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
  for (const { type, value } of calendar(timeZone).formatToParts(at)) part[type] = value;
  const month = `${part.year}-${part.month}`;
  return per === 'month' ? month : `${month}-${part.day}`;
}

/** The first instant (unix ms) after a period, whatever summer time does to its length; null for `total`. */
export function periodEnd({ per, timeZone, period }: Pick<Account, 'per' | 'timeZone' | 'period'>): number | null {
  if (per === 'total') return null;
  const start = new Date(period);
  const next = per === 'day' ? start.getTime() + DAY_MS : start.setUTCMonth(start.getUTCMonth() + 1);
  // Any zone's next period begins within 15 hours of its namesake in UTC, and on a whole minute.
  let before = next - 15 * HOUR_MS;
  let after = next + 15 * HOUR_MS;
  while (after - before > MINUTE_MS) {
    const middle = before + Math.floor((after - before) / MINUTE_MS / 2) * MINUTE_MS;
    if (periodOf({ per, timeZone }, middle) > period) after = middle;
    else before = middle;
  }
  return after;
}

/**
 * Why an account cannot take `askedNanos` more; null when it can. `budget_exhausted`: what is spent leaves no room.
 * `budget_reserved`: only what others hold is in the way, so the same may fit in a moment.
 *
 * It says whose budget refused, in the caller's terms. Of a budget that other tenants spend too it says no amount.
 */
export function refusal(account: Account, balance: Balance, askedNanos: number): GatewayError | null {
  const unspent = account.limitNanos - balance.spentNanos;
  const [whose, isShared] = WHOSE[account.level];
  const name = `${whose} budget ${scope(account, isShared)}`;
  const spent = `${dollars(balance.spentNanos)} is spent`;
  const asked = `this may cost up to ${dollars(askedNanos)}`;
  if (askedNanos > unspent) {
    const figures = isShared ? '' : `: ${spent}, and ${asked}`;
    return new GatewayError('budget_exhausted', `${name} cannot cover this request${figures}. ${whatHelps(account)}`);
  }
  if (askedNanos > unspent - balance.heldNanos) {
    const figures = isShared ? '' : `: ${spent}, ${dollars(balance.heldNanos)} held, and ${asked}`;
    return new GatewayError(
      'budget_reserved',
      `${name} is held by pictures being drawn now${figures}. ` +
        `What they do not use comes free when they end: try again in some seconds. ${whatHelps(account)}`,
      { retryAfterSeconds: RESERVED_RETRY_SECONDS },
    );
  }
  return null;
}

/** As the caller would say it, and whether other tenants spend it too. */
const WHOSE = {
  key: ["This key's", false],
  tenant: ["Your team's", false],
  organisation: ["Your organisation's", true],
  everything: ["The whole gateway's", true],
} as const satisfies Record<Level, readonly [string, boolean]>;

/** Nano-dollars in words, exactly: `$0.134`, `$1.00`. */
export function dollars(nanos: number): string {
  const whole = Math.floor(nanos / NANOS_PER_DOLLAR);
  const rest = String(nanos % NANOS_PER_DOLLAR).padStart(9, '0');
  return `$${whole}.${rest.slice(0, 2)}${rest.slice(2).replace(/0+$/, '')}`;
}

function scope({ limitNanos, per, timeZone, models }: Account, isShared: boolean): string {
  const amount = isShared ? '' : `of ${dollars(limitNanos)} `;
  const span = per === 'total' ? 'in total' : `${isShared ? 'per' : 'a'} ${per} (${timeZone})`;
  return `${amount}${span}${models === null ? '' : ` for ${models.join(', ')}`}`;
}

function whatHelps(account: Account): string {
  const end = periodEnd(account);
  return end === null ? 'It does not renew by itself.' : `It begins anew at ${new Date(end).toISOString()}.`;
}

const calendars = new Map<string, Intl.DateTimeFormat>();

/** Making one costs some 50 microseconds, asking it one: so each zone's is kept. Zones come from configuration only. */
function calendar(timeZone: string): Intl.DateTimeFormat {
  let format = calendars.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en', {
      calendar: 'iso8601',
      numberingSystem: 'latn',
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
    calendars.set(timeZone, format);
  }
  return format;
}
