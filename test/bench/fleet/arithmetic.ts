/** What something costs Redis. Commands are all that it runs, those of scripts too; its CPU is that of its one main thread. */
export interface Cost {
  readonly commands: number;
  readonly cpuMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/**
 * What a request can be: a picture drawn and not kept, one drawn and shared, a hit out of an instance's memory, one out of
 * Redis, and one that waits for another instance and reads what that one drew.
 */
export const KINDS = ['fresh', 'stored', 'memory', 'shared', 'joined'] as const;
export type Kind = (typeof KINDS)[number];

export interface KindCost extends Cost {
  /** That Redis is asked for by an instance. */
  readonly scripts: number;
  /** Of the ledger: each is read by every instance. */
  readonly changes: number;
  /** Messages, each heard by every instance. */
  readonly published: number;
}

/** All of it measured on one instance, and without what others read and hear of it. */
export interface Costs {
  /** Of one request with a picture of no size. */
  readonly kinds: Readonly<Record<Kind, KindCost>>;
  /** One megabyte of pictures, to Redis and back. */
  readonly megabyteIn: Cost;
  readonly megabyteOut: Cost;
  /** Redis for a second, with nobody there; and what one instance with nothing to do adds. */
  readonly alone: Cost;
  readonly idle: Cost;
  /** The same for what it tells of its hits, where it had any. */
  readonly saving: KindCost;
  /** One change of the ledger, read by one instance; and one more look into the ledger. */
  readonly read: Cost;
  readonly look: Cost;
  /** One message, heard by one instance. */
  readonly heard: Cost;
  /** One picture that one instance knows, asked about when it has lost its connection. */
  readonly known: Cost;
  /** Of an instance, for one change that another made. */
  readonly copiedCpuMs: number;
  readonly connections: number;
  readonly memory: Memory;
}

/** Bytes in Redis. */
export interface Memory {
  /** Of a picture, for the day after it was settled. */
  readonly picture: number;
  /** Of a change, until there are a million. */
  readonly change: number;
  /** Of a shared picture, beside its own bytes. */
  readonly entry: number;
  readonly tenant: number;
}

export interface Load {
  readonly instances: number;
  /** A second, of one instance. */
  readonly each: Readonly<Record<Kind, number>>;
  readonly pictureBytes: number;
  /** Shared pictures, all of them. */
  readonly entries: number;
  readonly tenants: number;
}

/** Of one Redis for all of them, a second. */
export interface Forecast extends Cost {
  /** Changes of the ledger. */
  readonly changes: number;
  readonly connections: number;
  readonly memoryBytes: number;
  /** Of every instance, for what the others changed. */
  readonly copyingCpuMs: number;
  /** Of Redis's core, until all have come back who lost their connections at once, and it nothing. */
  readonly returnSeconds: number;
}

/** As src/tenants has it: how often an instance looks into the ledger, and how many changes it reads at one time. */
const LOOKS_PER_SECOND = 5;
const READ_AT_ONCE = 100;
const CHANGES_KEPT = 1_000_000;
/** How long ago a picture was begun that is asked about. */
const RECENT_SECONDS = 900;
const DAY_SECONDS = 86_400;
const WEEK_SECONDS = 7 * DAY_SECONDS;
const MEGABYTE = 1_000_000;

export function forecast(costs: Costs, load: Load): Forecast {
  const { instances, each, pictureBytes, entries, tenants } = load;
  const all = KINDS.map((kind) => ({ cost: costs.kinds[kind], times: instances * each[kind] }));
  const savers = each.memory + each.shared > 0 ? instances : 0;
  const parts = [...all, { cost: costs.saving, times: savers }];
  const changes = sum(parts.map(({ cost, times }) => cost.changes * times));
  const published = sum(parts.map(({ cost, times }) => cost.published * times));
  const looks = Math.max(0, changes / READ_AT_ONCE - LOOKS_PER_SECOND);
  const megabytes = (instances * pictureBytes) / MEGABYTE;
  const drawn = instances * (each.fresh + each.stored);
  const total = added([
    ...parts,
    { cost: costs.alone, times: 1 },
    { cost: costs.idle, times: instances },
    { cost: costs.megabyteIn, times: megabytes * each.stored },
    { cost: costs.megabyteOut, times: megabytes * (each.shared + each.joined) },
    // Whoever writes, all read: with twice the instances, each with as much to do, there are four times as many.
    { cost: costs.read, times: instances * changes },
    { cost: costs.look, times: instances * looks },
    { cost: costs.heard, times: instances * published },
  ]);
  const { memory } = costs;
  return {
    ...total,
    changes,
    connections: instances * costs.connections,
    memoryBytes:
      memory.picture * drawn * DAY_SECONDS +
      memory.change * Math.min(CHANGES_KEPT, changes * WEEK_SECONDS) +
      (memory.entry + pictureBytes) * entries +
      memory.tenant * tenants,
    copyingCpuMs: instances === 0 ? 0 : (costs.copiedCpuMs * changes * (instances - 1)) / instances,
    // All know all pictures.
    returnSeconds: (costs.known.cpuMs * instances * drawn * RECENT_SECONDS) / 1_000,
  };
}

/** What one Redis and one instance have to give. */
export interface Bounds {
  /** Milliseconds of CPU in a second: Redis runs commands on one core, an instance its ledger on one. */
  readonly cpuMs: number;
  /** A second, each way. */
  readonly bytes: number;
  readonly connections: number;
  readonly memoryBytes: number;
}

export type Bound = 'core of Redis' | 'network in' | 'network out' | 'connections' | 'memory' | 'core of an instance';

/** The share of each that is used up; over 1 it does not go. The tightest first. */
export function used(found: Forecast, bounds: Bounds): readonly (readonly [bound: Bound, share: number])[] {
  const shares: readonly (readonly [Bound, number])[] = [
    ['core of Redis', found.cpuMs / bounds.cpuMs],
    ['network in', found.bytesIn / bounds.bytes],
    ['network out', found.bytesOut / bounds.bytes],
    ['connections', found.connections / bounds.connections],
    ['memory', found.memoryBytes / bounds.memoryBytes],
    ['core of an instance', found.copyingCpuMs / bounds.cpuMs],
  ];
  return shares.toSorted(([, a], [, b]) => b - a);
}

const MOST_INSTANCES = 1_000_000;

/** How many instances one Redis carries; 0: not one. `load` is that of so many. */
export function reach(costs: Costs, load: (instances: number) => Load, bounds: Bounds): number {
  const goes = (instances: number): boolean => used(forecast(costs, load(instances)), bounds)[0]![1] <= 1;
  let [least, most] = [0, MOST_INSTANCES];
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    if (goes(middle)) least = middle;
    else most = middle - 1;
  }
  return least;
}

export function added(parts: readonly { readonly cost: Cost; readonly times: number }[]): Cost {
  const of = (field: keyof Cost): number => sum(parts.map(({ cost, times }) => cost[field] * times));
  return { commands: of('commands'), cpuMs: of('cpuMs'), bytesIn: of('bytesIn'), bytesOut: of('bytesOut') };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}
