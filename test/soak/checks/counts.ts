import type { Hold } from '../books.ts';
import type { Told } from '../load/call.ts';
import type { Life, SaidLine } from '../lives.ts';
import { samplesOf, sumOfSeries } from '../metrics.ts';
import type { Sample } from '../metrics.ts';
import { groupsOf, sumOf, usd } from './finding.ts';
import type { Finding } from './finding.ts';

/**
 * Between what a caller hears and what the gateway counts, on a busy machine. Around the last scrape of a process that was
 * ended, and nowhere else, a request may be in the counters or not: what they said afterwards is lost with it.
 */
const SLACK_MS = 400;
/** A process that is killed loses the lines it has not written yet. */
const UNWRITTEN_MS = 1_000;

/** Dollars are summed up as floating-point numbers. */
const ROUNDING_NANOS = 1_000;

/** What is known of one life: `series` is its last scrape. */
export interface Counted extends Pick<Life, 'instance' | 'number' | 'startedAt' | 'end' | 'lines'> {
  readonly series: readonly Sample[];
  readonly from: number;
  readonly until: number;
}

/** Of a process that ended before it was ever asked nothing is known. */
export function countedOf(lives: readonly Life[]): readonly Counted[] {
  return lives.map((life) => {
    const { from, until, text } = life.scrape ?? { from: life.startedAt, until: life.startedAt, text: '' };
    return { ...life, series: samplesOf(text), from, until };
  });
}

/** What the counters say lies between what surely is in them and what may be. */
function compare(what: string, counted: number, least: number, most: number): readonly string[] {
  return counted < least || counted > most
    ? [`${what}: the metrics say ${counted}, the load ${least === most ? least : `${least} to ${most}`}`]
    : [];
}

/** Requests by route and status: the metrics of all lives against what callers heard. */
export function checkRequests(lives: readonly Counted[], told: readonly Told[]): Finding {
  const faults: string[] = [];
  const nameOf = ({ method, route, status }: { method: string; route: string; status: unknown }): string =>
    `${method} ${route} ${String(status)}`;
  let total = 0;
  for (const life of lives) {
    const own = told.filter(({ instance, life: of }) => instance === life.instance && of === life.number);
    const broken = groupsOf(
      own.filter(({ end }) => end !== 'answered'),
      ({ method, route }) => `${method} ${route}`,
    );
    const answered = groupsOf(
      own.filter(({ end }) => end === 'answered'),
      nameOf,
    );
    const series = life.series.filter(({ name }) => name === 'plantain_http_requests_total');
    const counts = groupsOf(series, ({ labels }) =>
      nameOf({ method: labels['method']!, route: labels['route']!, status: labels['status'] }),
    );
    total += sumOf(series, ({ value }) => value);
    for (const name of new Set([...answered.keys(), ...counts.keys()])) {
      const heard = answered.get(name) ?? [];
      const least = heard.filter(({ endedAt }) => endedAt < life.from - SLACK_MS || life.end === null).length;
      const open = broken.get(name.replace(/ \d+$/, ''))?.length ?? 0;
      const most = heard.filter(({ startedAt }) => startedAt <= life.until).length + open;
      const counted = sumOf(counts.get(name) ?? [], ({ value }) => value);
      faults.push(...compare(`gateway ${life.instance}, life ${life.number}, ${name}`, counted, least, most));
    }
  }
  return { check: 'requests are counted', figures: `${total} in the metrics, ${told.length} asked`, faults };
}

/** One line of the log for each answer, with its status and its request id. */
export function checkLog(lives: readonly Counted[], told: readonly Told[]): Finding {
  const faults: string[] = [];
  const lines = new Map<string, SaidLine>();
  for (const { lines: own } of lives)
    for (const line of own) {
      if (lines.has(line.requestId)) faults.push(`${line.requestId} has two lines`);
      lines.set(line.requestId, line);
      if (line.outcome === 'internal')
        faults.push(`${line.requestId} (${line.route}) failed by a fault of the gateway's own`);
    }
  const heard = new Set<string>();
  for (const { requestId, status, method, route, instance, life, endedAt } of told) {
    if (requestId === null) continue;
    heard.add(requestId);
    const line = lines.get(requestId);
    const end = lives.find((each) => each.instance === instance && each.number === life)?.end;
    if (line === undefined) {
      const isLost = end?.by === 'kill' && endedAt > end.from - UNWRITTEN_MS;
      if (!isLost) faults.push(`${requestId} (${method} ${route}, ${status}) has no line`);
    } else if (line.status !== status || line.route !== `${method} ${route}`)
      faults.push(
        `${requestId} was ${status} for ${method} ${route}, and its line says ${line.status} for ${line.route}`,
      );
  }
  const unheard = [...lines.keys()].filter((id) => !heard.has(id)).length;
  const broken = told.filter(({ end }) => end !== 'answered').length;
  if (unheard > broken)
    faults.push(`${unheard} lines are of requests nobody heard of, and only ${broken} were broken off`);
  return {
    check: 'the log has a line for each',
    figures: `${lines.size} lines, ${unheard} of callers who had gone`,
    faults,
  };
}

/** As `Cache-Status` tells them. A picture past its time has a metric of its own, and was a miss. */
const RESULTS = {
  hit: /; hit(?!.*stale-if-error)/,
  collapsed: /collapsed/,
  miss: /fwd=miss(?!.*collapsed)|stale-if-error/,
  bypass: /fwd=bypass(?!.*collapsed)/,
} as const;
/** The gateway counts when a seat is taken: what is found only then, stored a moment before, is a hit that was counted as a miss. */
const FOUND_LATE = { share: 0.1, least: 3 } as const;

/** Pictures by what the cache did for them. Of several in one answer, of tasks and of failures callers hear less. */
export function checkLookUps(lives: readonly Counted[], told: readonly Told[]): Finding {
  const faults: string[] = [];
  const figures: string[] = [];
  const boundsOf = (isPlain: (told: Told) => boolean): readonly [number, number] => {
    let [least, most] = [0, 0];
    for (const life of lives) {
      const own = told.filter(({ instance, life: of }) => instance === life.instance && of === life.number);
      const plain = own.filter((each) => each.n === 1 && isPlain(each));
      const vague = own.filter(({ n, cacheStatus, method }) => method === 'POST' && (n > 1 || cacheStatus === ''));
      least += plain.filter(({ endedAt }) => endedAt < life.from - SLACK_MS || life.end === null).length;
      most += plain.filter(({ startedAt }) => startedAt <= life.until).length + sumOf(vague, ({ n }) => n);
    }
    return [least, most];
  };
  let all = 0;
  const hits = told.filter(({ cacheStatus }) => RESULTS.hit.test(cacheStatus)).length;
  const late = Math.max(FOUND_LATE.least, Math.ceil(hits * FOUND_LATE.share));
  for (const [result, pattern] of Object.entries(RESULTS)) {
    const [least, most] = boundsOf(({ cacheStatus }) => pattern.test(cacheStatus));
    const counted = sumOf(lives, ({ series }) => sumOfSeries(series, 'plantain_cache_requests_total', { result }));
    all += counted;
    figures.push(`${result} ${counted}`);
    const isHit = result === 'hit';
    faults.push(...compare(`pictures, ${result}`, counted, isHit ? least - late : least, isHit ? most : most + late));
  }
  faults.push(...compare('pictures', all, ...boundsOf(({ cacheStatus }) => cacheStatus !== '')));
  return { check: 'pictures are counted', figures: figures.join(', '), faults };
}

/** `received`: when the simulator got each of its calls, in Unix milliseconds. */
export function checkUpstreamCalls(lives: readonly Counted[], received: readonly number[]): Finding {
  const name = 'plantain_upstream_requests_total';
  const ended = sumOf(lives, ({ series }) => sumOfSeries(series, name));
  const endedWith = (outcome: string): number => sumOf(lives, ({ series }) => sumOfSeries(series, name, { outcome }));
  const unsent = endedWith('not_sent');
  // Sent, and given up before a busy simulator read it: the system throws away what is not read when a connection is reset.
  const unread = endedWith('cancelled') + endedWith('timeout');
  const lost = sumOf(lives, ({ series, from, end }) => {
    if (end === null) return 0;
    const after = received.filter(
      (at) => at > from - SLACK_MS && at < end.from + SLACK_MS + (end.by === 'term' ? 10_000 : 0),
    );
    return sumOfSeries(series, 'plantain_upstream_inflight') + after.length;
  });
  const faults = compare('calls upstream', received.length, ended - unsent - unread, ended + lost).map((fault) =>
    fault.replace('the metrics say', 'the simulator says').replace('the load', 'the metrics'),
  );
  return {
    check: 'calls upstream are counted',
    figures: `${ended - unsent} in the metrics, ${received.length} at the simulator`,
    faults,
  };
}

/** The metrics against the ledger; and what callers were told they pay is no more than that, for some hung up before they heard it. */
export function checkSpend(lives: readonly Counted[], holds: readonly Hold[], told: readonly Told[]): Finding {
  const nanos = sumOf(lives, ({ series }) => Math.round(sumOfSeries(series, 'plantain_spend_usd_total') * 1e9));
  const spent = sumOf(holds, ({ charged }) => charged);
  const heard = sumOf(told, ({ costNanos }) => costNanos);
  const late = holds.filter(
    ({ state, at }) =>
      state === 'expired' ||
      lives.some(({ from, end }) => end !== null && at > from - SLACK_MS && at < end.until + SLACK_MS),
  );
  const room = sumOf(late, ({ charged }) => charged);
  const faults: string[] = [];
  if (nanos > spent + ROUNDING_NANOS || nanos < spent - room - ROUNDING_NANOS)
    faults.push(
      `the metrics say ${usd(nanos)}, the ledger ${usd(spent)}, and only ${usd(room)} were charged while nobody counted`,
    );
  if (heard > spent) faults.push(`callers were told of ${usd(heard)}, and the ledger says ${usd(spent)}`);
  const figures = `${usd(nanos)} in the metrics, ${usd(spent)} in the ledger, ${usd(heard)} told to callers`;
  return { check: 'dollars are counted', figures, faults };
}
