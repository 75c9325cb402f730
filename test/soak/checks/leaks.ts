import type { Counted } from '../probe.ts';
import type { Finding } from './finding.ts';

/** What a process holds when it is idle and its garbage is gone. */
export interface Holdings {
  readonly heapUsedBytes: number;
  readonly externalBytes: number;
  readonly residentBytes: number;
  readonly descriptors: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly alive: Readonly<Record<Counted, number>>;
}

const MB = 1 << 20;
/**
 * How much more than at the first measurement is no leak. Heap: what is known of pictures and of who was lately seen, which
 * has bounds of its own that a short run does not reach. External and resident: what pictures lie in, up to
 * `cache.memoryBytes`, and memory the allocator keeps.
 */
export const TOLERATED = {
  heapBytes: 12 * MB,
  heapBytesPerRequest: 1024,
  externalBytes: 64 * MB,
  residentBytes: 96 * MB,
  descriptors: 4,
  resources: 4,
  signalsPerTask: 4,
  /** Of what was drawn for callers who had gone 256 at most are kept for two minutes, with a signal or two each. */
  alive: { Timeout: 40, Socket: 10, IncomingMessage: 10, ServerResponse: 10, AbortSignal: 600 } satisfies Record<
    Counted,
    number
  >,
} as const;

/** What there was between the two measurements. */
export interface Between {
  readonly requests: number;
  /** That were begun: for an hour they are known. */
  readonly tasks: number;
}

export function checkLeaks(before: Holdings, after: Holdings, { requests, tasks }: Between, gateway: number): Finding {
  const faults: string[] = [];
  const compare = (what: string, was: number, is: number, tolerated: number, unit: string): void => {
    if (is - was > tolerated)
      faults.push(
        `gateway ${gateway}: ${what} grew from ${show(was, unit)} to ${show(is, unit)}, by more than ${show(tolerated, unit)}`,
      );
  };
  const heap = TOLERATED.heapBytes + requests * TOLERATED.heapBytesPerRequest;
  compare('heap', before.heapUsedBytes, after.heapUsedBytes, heap, 'MB');
  compare('memory outside the heap', before.externalBytes, after.externalBytes, TOLERATED.externalBytes, 'MB');
  compare('resident memory', before.residentBytes, after.residentBytes, TOLERATED.residentBytes, 'MB');
  compare('descriptors', before.descriptors, after.descriptors, TOLERATED.descriptors, '');
  for (const [type, count] of Object.entries(after.resources))
    compare(type, before.resources[type] ?? 0, count, TOLERATED.resources, '');
  const classes = Object.keys(TOLERATED.alive) as Counted[];
  for (const name of classes)
    compare(
      `objects of the class ${name}`,
      before.alive[name],
      after.alive[name],
      TOLERATED.alive[name] + (name === 'AbortSignal' ? tasks * TOLERATED.signalsPerTask : 0),
      '',
    );
  const told = (name: string, was: number, is: number): string => `${name} ${show(was, 'MB')} to ${show(is, 'MB')}`;
  const figures = [
    told('heap', before.heapUsedBytes, after.heapUsedBytes),
    told('outside', before.externalBytes, after.externalBytes),
    told('resident', before.residentBytes, after.residentBytes),
    ...classes.map((name) => `${name} ${before.alive[name]} to ${after.alive[name]}`),
    `descriptors ${before.descriptors} to ${after.descriptors}`,
    `over ${requests} requests and ${tasks} tasks`,
  ];
  return { check: `nothing leaks (gateway ${gateway})`, figures: figures.join(', '), faults };
}

function show(value: number, unit: string): string {
  return unit === 'MB' ? `${(value / MB).toFixed(1)} MB` : String(value);
}
