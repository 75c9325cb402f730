import type { Fault } from '../../../src/simulator/faults.ts';
import type { Account, Hold } from '../books.ts';
import type { Billed } from '../witness.ts';
import { groupsOf, sumOf, usd } from './finding.ts';
import type { Finding } from './finding.ts';

/** Holds of requests whose prompt does not go up as it is, and calls nobody can be asked for by their prompt. */
const OTHER = 'other';

/**
 * A vendor that draws more than it was asked for, and bills it: what comes back is charged truly, also beyond the worst case
 * that was reserved. Where it is lost the worst case is charged, and nobody could know of more.
 */
const BEYOND: ReadonlySet<string | null> = new Set<Fault>(['high-usage', 'two-pictures', 'tiny-dimensions']);

/**
 * The ledger against the vendor's bill, prompt by prompt: what was settled is on the bill to the nano-dollar, and what is
 * on the bill beyond that was charged as unknown, and not less. `digests` are those of the prompts, by their name in the tag
 * `bill`.
 */
export function checkMoney(
  holds: readonly Hold[],
  bill: readonly Billed[],
  digests: ReadonlyMap<string, string>,
): Finding {
  const faults: string[] = [];
  let lost = 0;
  const names = new Map([...digests].map(([name, digest]) => [digest, name]));
  const billed = groupsOf(bill, ({ prompt }) => names.get(prompt ?? '') ?? OTHER);
  const charged = groupsOf(holds, ({ tags }) => (digests.has(tags['bill'] ?? '') ? tags['bill']! : OTHER));
  for (const name of new Set([...billed.keys(), ...charged.keys()])) {
    const [own, calls] = [charged.get(name) ?? [], billed.get(name) ?? []];
    const unknown = sumOf(own.filter(isUnknown), ({ charged }) => charged);
    const known = sumOf(own, ({ charged }) => charged) - unknown;
    const vendors = sumOf(calls, ({ nanoUsd }) => nanoUsd);
    const beyond = unknown === 0 ? 0 : sumOf(calls.filter(isBeyond), ({ nanoUsd }) => nanoUsd);
    lost += beyond;
    if (vendors < known || vendors > known + unknown + beyond)
      faults.push(
        `${name}: the bill says ${usd(vendors)} (calls ${calls.map(({ call, fault }) => `${call} ${fault ?? ''}`).join(', ')}), the ledger ${usd(known)} known and ${usd(unknown)} unknown (holds ${own.map(({ id }) => id).join(', ')})`,
      );
  }
  const unknown = holds.filter(isUnknown);
  const spent = sumOf(holds, ({ charged }) => charged);
  const total = sumOf(bill, ({ nanoUsd }) => nanoUsd);
  const excess = spent - total;
  const room = sumOf(unknown, ({ charged }) => charged);
  if (excess < -lost || excess > room) faults.push(`ledger minus bill is ${usd(excess)}, and ${usd(room)} are unknown`);
  const figures = `ledger ${usd(spent)}, bill ${usd(total)} for ${bill.length} calls; ${unknown.length} unknown explain ${usd(excess)} of their ${usd(room)}`;
  return { check: 'ledger against the bill', figures, faults };
}

function isBeyond({ fault }: Billed): boolean {
  return BEYOND.has(fault);
}

export function isUnknown({ outcome }: Hold): boolean {
  return outcome === 'unknown';
}

export function checkNothingHeld(holds: readonly Hold[], accounts: readonly Account[]): Finding {
  const open = holds.filter(({ state }) => state === 'held');
  const heavy = accounts.filter(({ held }) => held !== 0);
  const faults = [
    ...open.map(({ id, tenant }) => `hold ${id} of ${tenant} is still open`),
    ...heavy.map(({ key, held }) => `account ${key} holds ${usd(held)}`),
  ];
  return { check: 'nothing is held', figures: `${holds.length} holds, all ended`, faults };
}
