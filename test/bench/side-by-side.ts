import { setTimeout as sleep } from 'node:timers/promises';
import { askOf } from './cells.ts';
import type { Cell } from './cells.ts';
import { alone } from './contender.ts';
import type { Contender } from './contender.ts';
import { forgetPeaks, spentBy } from './cores.ts';
import { askAtOnce, driveClosed, median, quantile } from './load/drive.ts';
import type { Ask } from './load/drive.ts';

/** What one of them did in one cell: medians over the rounds. */
export interface LaneResult {
  readonly cell: string;
  readonly lane: string;
  readonly requestsPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  /** All its processes; null where they are not known. */
  readonly cpuMsPerRequest: number | null;
  readonly peakMegabytes: number | null;
  /** To the lanes that a goal or a reader wants it compared with, by their names. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly goals: readonly { readonly against: string; readonly least: number; readonly reached: number }[];
}

export interface Pace {
  readonly rounds: number;
  readonly seconds: number;
  /** Before the first round: replies of another size are other code to a compiler at run time. */
  readonly warmSeconds: number;
  /** Before each turn: who has stood still has given memory back, and its core has worked for others. */
  readonly leadSeconds: number;
}

/** All who are here do the work of a cell in turns, as many rounds as there are, each in another order. */
export async function compare(
  cell: Cell,
  contenders: readonly Contender[],
  pace: Pace,
): Promise<readonly LaneResult[]> {
  const lanes = cell.lanes.map((lane) => {
    const contender = contenders.find(({ name }) => name === lane.who);
    const name = `${lane.who}${lane.speech === 'gemini' ? '' : ` (${lane.speech})`}${lane.wish === 'fresh' || lane.wish === 'again' ? '' : `, ${lane.wish}`}`;
    return { lane, name, contender, ask: contender && askOf(cell, contender, lane), runs: [] as Run[] };
  });
  const here = lanes.filter((each) => each.contender !== undefined);
  const drive = (each: (typeof lanes)[number], seconds: number) =>
    alone(each.contender!, contenders, () =>
      driveClosed({ url: each.contender!.url, ask: each.ask!, connections: cell.connections, seconds }),
    );
  for (const each of here) {
    if (each.lane.wish.startsWith('again')) await untilHit(each.name, each.contender!.url, each.ask!);
    await drive(each, pace.warmSeconds);
  }
  for (let round = 0; round < pace.rounds; round += 1)
    for (let turn = 0; turn < here.length; turn += 1) {
      const each = here[(turn + round) % here.length]!;
      const pids = each.contender!.pids();
      await drive(each, pace.leadSeconds);
      forgetPeaks(pids);
      const before = spentBy(pids);
      const driven = await drive(each, pace.seconds);
      const after = spentBy(pids);
      each.runs.push({
        requestsPerSecond: driven.requests / driven.seconds,
        bytesPerSecond: driven.bytes / driven.seconds,
        medianMs: quantile(driven.times, 0.5),
        p99Ms: quantile(driven.times, 0.99),
        cpuMs: (after.cpuMs - before.cpuMs) / driven.requests,
        peakBytes: after.peakBytes,
      });
    }
  const of = (runs: readonly Run[], field: keyof Run): number => median(runs.map((run) => run[field]));
  const speed = (index: number): number => of(lanes[index]!.runs, 'requestsPerSecond');
  return lanes.flatMap(({ name, contender, runs }, index) => {
    if (contender === undefined) return [];
    const goals = cell.goals
      .filter(({ lane, against }) => lane === index && lanes[against]!.contender !== undefined)
      .map(({ against, least }) => ({ against: lanes[against]!.name, least, reached: speed(index) / speed(against) }));
    const hasCost = contender.pids().length > 0;
    return {
      cell: cell.name,
      lane: name,
      requestsPerSecond: speed(index),
      megabytesPerSecond: of(runs, 'bytesPerSecond') / 1e6,
      medianMs: of(runs, 'medianMs'),
      p99Ms: of(runs, 'p99Ms'),
      cpuMsPerRequest: hasCost ? of(runs, 'cpuMs') : null,
      peakMegabytes: hasCost ? of(runs, 'peakBytes') / 1e6 : null,
      ratios: Object.fromEntries(here.map((each) => [each.name, speed(index) / of(each.runs, 'requestsPerSecond')])),
      goals,
    };
  });
}

interface Run {
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly cpuMs: number;
  readonly peakBytes: number;
}

const MOST_TRIES = 30;

/** What is asked for again is kept by then, wherever that is. */
async function untilHit(name: string, url: string, ask: Ask): Promise<void> {
  let said = '';
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    said = (await askAtOnce(url, [ask(0)])).cacheStatus;
    if (/hit/i.test(said)) return;
    await sleep(100);
  }
  throw new Error(`${name} has no hit: its cache says "${said}"`);
}
