import { isUnknown } from './money.ts';
import type { Hold } from '../books.ts';
import type { Told } from '../load/call.ts';
import type { Finding } from './finding.ts';

export interface Happened {
  /** So long there was load. */
  readonly seconds: number;
  readonly told: readonly Told[];
  readonly holds: readonly Hold[];
  /** Faults that the vendor showed, each time. */
  readonly faultsShown: number;
  readonly events: { readonly planned: number; readonly befallen: number };
}

/** Fewer answers with pictures in them for each second are those of a gateway that was out of order, whatever it did well. */
const PICTURES_A_SECOND = 2;

/** A soak in which nothing happened shows nothing: there was some of everything. */
export function checkLoad({ seconds, told, holds, faultsShown, events }: Happened): Finding {
  const faults: string[] = [];
  const answered = told.filter(({ end }) => end === 'answered');
  const count = (of: (told: Told) => boolean): number => answered.filter(of).length;
  const counts = {
    pictures: count(({ verdict }) => (verdict?.pictures ?? 0) > 0),
    hits: count(({ cacheStatus }) => cacheStatus.includes('; hit')),
    joined: count(({ cacheStatus }) => cacheStatus.includes('collapsed')),
    'refused for want of budget or by limits': count(({ status }) => status === 429 || status === 402),
    'failed upstream': count(({ status }) => status === 502 || status === 504),
    'hung up': told.filter(({ end }) => end === 'hung up').length,
    'charged as unknown': holds.filter(isUnknown).length,
    'faults of the vendor': faultsShown,
  };
  for (const [what, number] of Object.entries(counts)) if (number === 0) faults.push(`none: ${what}`);
  if (counts.pictures < seconds * PICTURES_A_SECOND)
    faults.push(`only ${counts.pictures} of ${answered.length} answers had pictures in them`);
  if (events.befallen !== events.planned) faults.push(`${events.befallen} events of ${events.planned}`);
  const figures = Object.entries(counts).map(([what, number]) => `${what} ${number}`);
  return { check: 'there was some of everything', figures: figures.join(', '), faults };
}
