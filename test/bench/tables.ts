import type { LatencyRow } from './latency.ts';
import type { MemoryRow } from './memory.ts';
import type { ScaleRow } from './scale/row.ts';
import type { LaneResult } from './side-by-side.ts';

type Table = readonly (readonly string[])[];

export interface Timed {
  readonly name: string;
  readonly medianMs: number;
  readonly ratio: string;
}

export function timedTable(rows: readonly Timed[]): Table {
  return [
    ['work', 'median ms', 'ratio'],
    ...rows.map(({ name, medianMs, ratio }) => [name, medianMs.toFixed(4), ratio]),
  ];
}

/** Of one cell. */
export function laneTable(lanes: readonly LaneResult[]): Table {
  const first = lanes.find(({ lane }) => lane.startsWith('nginx'))?.lane;
  const of = (value: number | null, digits: number): string => value?.toFixed(digits) ?? '';
  const head = [
    lanes[0]!.cell,
    'requests/s',
    'MB/s',
    'p50 ms',
    'p99 ms',
    'CPU ms each',
    'peak MB',
    `x ${first ?? ''}`,
    'goal',
  ];
  const rows = lanes.map((each) => [
    each.lane,
    of(each.requestsPerSecond, each.requestsPerSecond < 100 ? 1 : 0),
    of(each.megabytesPerSecond, 0),
    of(each.medianMs, 2),
    of(each.p99Ms, 1),
    of(each.cpuMsPerRequest, 3),
    of(each.peakMegabytes, 0),
    of((first === undefined ? null : each.ratios[first]) ?? null, 2),
    each.goals
      .map(
        ({ against, least, reached }) =>
          `${reached.toFixed(2)} of ${least} x ${against}${reached >= least ? '' : ' MISSED'}`,
      )
      .join('; '),
  ]);
  return [head, ...rows];
}

export function latencyTable(rows: readonly LatencyRow[]): Table {
  return [
    ['500 requests/s, vendor 50 ms', 'p50 ms', 'p99 ms', 'added p50', 'added p99'],
    ...rows.map(({ lane, p50Ms, p99Ms, addedP50Ms, addedP99Ms }) => [
      lane,
      ...[p50Ms, p99Ms, addedP50Ms, addedP99Ms].map((ms) => ms.toFixed(2)),
    ]),
  ];
}

export function memoryTable(rows: readonly MemoryRow[]): Table {
  return [
    ['gateway, over its first small picture', 'resident MB', 'then idle', 'longest ms', 'over 20 ms', 'CPU ms each'],
    ...rows.map(({ name, residentMb, idleMb, longestMs, over20Ms, cpuMs }) => [
      name,
      residentMb.toFixed(0),
      idleMb.toFixed(0),
      longestMs.toFixed(1),
      String(over20Ms),
      cpuMs.toFixed(1),
    ]),
  ];
}

/** Of one part. */
export function scaleTable(rows: readonly ScaleRow[]): Table {
  return [
    ['scale', 'figure', '', 'goal', ''],
    ...rows.map(({ subject, count, what, value, unit, most }) => [
      subject === null ? what : `${subject}, ${count.toLocaleString('en')}: ${what}`,
      value.toFixed(value < 10 && !Number.isInteger(value) ? 2 : 0),
      unit,
      most === undefined ? '' : `<= ${most.toFixed(0)}`,
      most === undefined ? '' : value <= most ? 'met' : 'MISSED',
    ]),
  ];
}

/** Columns in line: the first to the left, numbers to the right. */
export function print(rows: Table): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows)
    console.log(
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
    );
  console.log();
}
