import { nanosToUsd } from '../image/price.ts';
import { changeOf, configured, keyNamed, ownTenant } from './registry-lookup.ts';
import type { Decide } from './registry-lookup.ts';
import type { LineRecord, TenantRecord } from './registry-store.ts';
import { isCredit, mistaken } from './settings.ts';
import type { JsonMap } from './settings.ts';

export type CreditOwner = { readonly tenant: string } | { readonly key: string };

/** The largest amount in nano-dollars that stays a whole number in a double, as in the configuration. */
const MOST_NANOS = 9_000_000_000_000_000;

/**
 * Adds nano-dollars to the prepaid credit of a key's line or of a tenant, less than 0 to correct what was too much. Who
 * had no credit is prepaid from then on: what was spent before does not count on it.
 */
export function addCredit(owner: CreditOwner, nanos: number): Decide {
  return (view) => {
    if ('tenant' in owner) return toppedUp(`tenant ${owner.tenant}`, ownTenant(view, owner.tenant), nanos);
    const key = keyNamed(view, owner.key);
    const line = view.get('line', key.line);
    if (line === null || view.baseKey(key.id) !== null) throw configured(`The credit of the key ${key.id}`);
    return toppedUp(`key ${line.id}`, line, nanos);
  };
}

function toppedUp(subject: string, record: TenantRecord | LineRecord, nanos: number): ReturnType<Decide> {
  const before = record.creditNanos;
  if (before === null && record.settings.budgets.some(isCredit))
    throw mistaken('usd', 'it has a budget per total for all models already: raise the limitUsd of that');
  const creditNanos = (before ?? 0) + nanos;
  if (creditNanos <= 0)
    throw mistaken('usd', `takes more than there is: the credit is ${shown(before ?? 0)}, and some of it must stay`);
  if (creditNanos > MOST_NANOS) throw mistaken('usd', `adds up to more than ${shown(MOST_NANOS)}`);
  return changeOf(subject, [{ ...record, creditNanos }], creditBody(before), creditBody(creditNanos), nanos);
}

function creditBody(nanos: number | null): JsonMap {
  return { creditUsd: nanos === null ? null : nanosToUsd(nanos) };
}

function shown(nanos: number): string {
  return `$${nanosToUsd(nanos)}`;
}
