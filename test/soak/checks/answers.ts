import type { Told } from '../load/call.ts';
import type { Outage } from '../outages.ts';
import type { Finding } from './finding.ts';

/** A request that came so long before a SIGTERM may have been on its way still. */
const ON_ITS_WAY_MS = 1_000;
/** Clocks of two processes, and the time it takes to hear of something. */
const SLACK_MS = 300;

/** Every request was answered as promised, or its connection was cut, and an event explains that. */
export function checkAnswers(told: readonly Told[], outages: readonly Outage[]): Finding {
  const faults: string[] = [];
  let cut = 0;
  for (const each of told) {
    const about = `ask ${each.ask} (${each.kind}, ${each.method} ${each.route}, ${each.requestId ?? 'no id'})`;
    for (const fault of each.verdict?.faults ?? []) faults.push(`${about}: ${fault}`);
    if (each.end === 'overdue') faults.push(`${about}: never answered`);
    if (each.end !== 'cut' && each.end !== 'refused') continue;
    cut += 1;
    if (!outages.some((outage) => explains(outage, each)))
      faults.push(
        `${about}: ${each.end} after ${each.endedAt - each.startedAt} ms, and nothing explains it: ${each.error ?? ''}`,
      );
  }
  const answered = told.filter(({ end }) => end === 'answered').length;
  const hungUp = told.filter(({ end }) => end === 'hung up').length;
  const figures = `${told.length} requests: ${answered} answered, ${hungUp} hung up on, ${cut} cut by events`;
  return { check: 'answers are whole', figures, faults };
}

/** A crash cuts what is in the air. Who is told to end answers it, and takes nothing new. */
function explains({ by, instance, from, until }: Outage, { instance: of, startedAt, endedAt }: Told): boolean {
  if (instance !== of || startedAt > until + SLACK_MS || endedAt < from - SLACK_MS) return false;
  return by === 'kill' || startedAt >= from - ON_ITS_WAY_MS;
}
