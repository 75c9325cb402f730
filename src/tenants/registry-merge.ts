import { isDeepStrictEqual } from 'node:util';
import { byName } from './embedded-copy.ts';
import { isForgotten, nameOf } from './registry-store.ts';
import type { RecordName, RegistryRecord, Stored } from './registry-store.ts';

/** What has to be written where the registry is shared, so that nothing is missing there that is known here. */
export interface PutBack {
  /** Each with the revision it has there; 0: none. */
  readonly records: readonly { readonly record: RegistryRecord; readonly seen: number }[];
  readonly removed: readonly (RecordName & { readonly seen: number })[];
}

/**
 * Holds what an instance knows against what a Redis has that may have lost some of it. Of each record the one of the higher
 * revision counts; but what was revoked, deleted or forgotten once stays so, whichever that is: nothing ever takes these
 * back, so what does not say so does not know it yet.
 */
export function putBack(ours: readonly Stored[], theirs: readonly Stored[]): PutBack {
  const there = byName(theirs);
  const tenants = new Map<string, Stored>();
  for (const each of [...ours, ...theirs]) {
    const { record } = each;
    const known = tenants.get(record.id);
    if (record.kind !== 'tenant') continue;
    if (known === undefined || isGone(record) > isGone(known.record) || isNewer(each, known))
      tenants.set(record.id, each);
  }
  const isOver = (each: Stored): boolean =>
    each.record.kind !== 'tenant' && isForgotten(each, tenants.get(each.record.tenant));

  const records = ours.flatMap((own) => {
    const their = there.get(nameOf(own.record));
    if (isOver(own)) return [];
    if (their === undefined) return [{ record: own.record, seen: 0 }];
    const record = merged(own, their);
    const isTold = their.revision >= own.revision && isDeepStrictEqual(record, their.record);
    return isTold ? [] : [{ record, seen: their.revision }];
  });
  const removed = theirs
    .filter((each) => isOver(each) && !records.some(({ record }) => nameOf(record) === nameOf(each.record)))
    .map(({ record: { kind, id }, revision }) => ({ kind, id, seen: revision }));
  return { records, removed };
}

function merged(own: Stored, their: Stored): RegistryRecord {
  const [winner, loser] = own.revision > their.revision ? [own.record, their.record] : [their.record, own.record];
  if (winner.kind === 'key' && loser.kind === 'key')
    return {
      ...winner,
      revokedAt: winner.revokedAt ?? loser.revokedAt,
      replacedBy: winner.replacedBy ?? loser.replacedBy,
    };
  if (winner.kind !== 'tenant' || loser.kind !== 'tenant') return winner;
  if (isGone(loser) > isGone(winner)) return loser;
  return winner;
}

/** How far a tenant is gone. */
function isGone(record: RegistryRecord): number {
  if (record.kind !== 'tenant') return 0;
  if (record.forgottenAt !== undefined) return 2;
  return record.deletedAt === null ? 0 : 1;
}

function isNewer(one: Stored, other: Stored): boolean {
  return isGone(one.record) === isGone(other.record) && one.revision > other.revision;
}
