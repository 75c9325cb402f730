import { KINDS, forecast, reach, used } from './arithmetic.ts';
import type { Bounds, Costs, Kind, Load } from './arithmetic.ts';
import type { FleetFound, ForecastRow } from './bench.ts';
import { APPENDFSYNC } from './fleet.ts';
import type { LimitRow } from './limits.ts';
import type { ThroughputRow } from './throughput.ts';

type Table = readonly (readonly string[])[];

const WORK = { fresh: 'small pictures, drawn', memory: 'small hits out of memory' } as const;
const KIND_NAMES: Readonly<Record<Kind, string>> = {
  fresh: 'a picture drawn anew',
  stored: 'a picture drawn and shared',
  memory: 'a hit out of memory',
  shared: 'a hit out of Redis',
  joined: 'a join across instances',
};

/** One instance as the arithmetic takes it: 2 pictures and 10 hits a second. */
const EACH: Readonly<Record<Kind, number>> = { fresh: 1, stored: 1, memory: 9, shared: 1, joined: 0.1 };
const INSTANCES = [1, 10, 100, 1_000] as const;
const GIGABYTE = 1e9;
const BOUNDS: Bounds = { cpuMs: 1_000, bytes: 1.25 * GIGABYTE, connections: 10_000, memoryBytes: 64 * GIGABYTE };
/** Of them all, however many instances there are. */
const ENTRIES = 10_000;
const TENANTS = 1_000;
const PICTURE_BYTES = { redis: 1.6e6, s3: 0 } as const;
type Place = keyof typeof PICTURE_BYTES;
const ASSUMED =
  'each instance draws 2 pictures a second, one of them shared, and has 10 hits, one of them out of Redis; 10,000 shared pictures and 1,000 tenants in all. ' +
  `One core for commands and one for the ledger of an instance, 10 Gbit/s each way, 10,000 connections, 64 GB; appendfsync ${APPENDFSYNC}. ` +
  'CPU is that of commands which come one by one, as from many instances with little to do each: where many come together it is less. To return: after all have lost their connections at once, and Redis nothing. With an object store: as in Redis, without the bytes';

/** `print` writes a table. */
export function tellOfFleet({ throughput, limits, costs, forecasts }: FleetFound, print: (table: Table) => void): void {
  print(throughputTable(throughput));
  console.log(
    'no process has a core of its own: where there are fewer cores than processes, CPU for one request counts\n',
  );
  print(limitsTable(limits));
  print(costsTable(costs));
  console.log(`${memoryWords(costs)}\n`);
  print(forecastTable(forecasts));
  print(carriesTable(costs, 'redis'));
  print(carriesTable(costs, 's3'));
  console.log(ASSUMED);
}

function throughputTable(rows: readonly ThroughputRow[]): Table {
  return [
    ['64 at once', 'processes', 'requests/s', 'p50 ms', 'p99 ms', 'CPU ms each, gateways', 'Redis'],
    ...rows.map((row) => [
      WORK[row.work],
      String(row.processes),
      row.requestsPerSecond.toFixed(0),
      row.medianMs.toFixed(1),
      row.p99Ms.toFixed(1),
      row.gatewayCpuMs.toFixed(3),
      row.redisCpuMs.toFixed(3),
    ]),
  ];
}

function limitsTable(rows: readonly LimitRow[]): Table {
  return [
    ['limit', 'asked', 'answered', 'let in', 'allowed', ''],
    ...rows.map(({ limit, asked, answered, letIn, allowed, isPassed }) => [
      limit,
      ...[asked, answered, letIn, allowed].map(String),
      isPassed ? 'BROKEN' : 'ok',
    ]),
  ];
}

/** What is read and heard of it by others is in lines of its own. */
function costsTable(costs: Costs): Table {
  const plain = { scripts: 0, changes: 0, published: 0 };
  const rows = [
    ...KINDS.map((kind) => ({ name: KIND_NAMES[kind], cost: costs.kinds[kind] })),
    { name: 'a megabyte of a picture to Redis', cost: { ...plain, ...costs.megabyteIn } },
    { name: 'a megabyte of a picture from Redis', cost: { ...plain, ...costs.megabyteOut } },
    { name: 'nobody, a second', cost: { ...plain, ...costs.alone } },
    { name: 'an idle instance, a second', cost: { ...plain, ...costs.idle } },
    { name: 'what it tells of hits, a second', cost: costs.saving },
    { name: 'a change of the ledger, for each instance', cost: { ...plain, ...costs.read } },
    { name: 'a picture known, for each that comes back', cost: { ...plain, ...costs.known } },
    { name: 'a message, for each instance', cost: { ...plain, ...costs.heard } },
  ];
  return [
    ['what Redis does for', 'scripts', 'commands', 'CPU ms', 'bytes in', 'bytes out', 'changes', 'messages'],
    ...rows.map(({ name, cost }) => [
      name,
      cost.scripts.toFixed(1),
      cost.commands.toFixed(1),
      cost.cpuMs.toFixed(4),
      cost.bytesIn.toFixed(0),
      cost.bytesOut.toFixed(0),
      cost.changes.toFixed(1),
      cost.published.toFixed(1),
    ]),
  ];
}

function memoryWords({ memory, connections, copiedCpuMs }: Costs): string {
  const bytes = (count: number): string => `${count.toFixed(0)} bytes`;
  return (
    `Redis keeps ${bytes(memory.picture)} of a picture for a day, ${bytes(memory.change)} of a change, ` +
    `${bytes(memory.entry)} of a shared picture beside its own, ${bytes(memory.tenant)} of a tenant; ` +
    `an instance has ${connections} connections, and spends ${copiedCpuMs.toFixed(3)} ms of CPU on a change of another's`
  );
}

function forecastTable(rows: readonly ForecastRow[]): Table {
  const pair = (predicted: number, measured: number, digits: number): string =>
    `${predicted.toFixed(digits)} / ${measured.toFixed(digits)}`;
  return [
    ['predicted / measured', 'processes', 'commands/s', 'kB/s in', 'kB/s out', 'Redis CPU ms/s'],
    ...rows.map(({ work, processes, predicted, measured }) => [
      WORK[work],
      String(processes),
      pair(predicted.commands, measured.commands, 0),
      pair(predicted.bytesIn / 1e3, measured.bytesIn / 1e3, 0),
      pair(predicted.bytesOut / 1e3, measured.bytesOut / 1e3, 0),
      pair(predicted.cpuMs, measured.cpuMs, 0),
    ]),
  ];
}

/** With the load of `EACH` on every instance. */
function carriesTable(costs: Costs, place: Place): Table {
  const load = (instances: number): Load => ({
    instances,
    each: EACH,
    pictureBytes: PICTURE_BYTES[place],
    entries: ENTRIES,
    tenants: TENANTS,
  });
  const where = place === 'redis' ? 'pictures of 1.6 MB in Redis' : 'pictures in an object store';
  return [
    [
      where,
      'commands/s',
      'cores of Redis',
      'MB/s in',
      'MB/s out',
      'connections',
      'GB',
      'core of each',
      's to return',
      'used up first',
    ],
    ...INSTANCES.map((instances) => {
      const found = forecast(costs, load(instances));
      const [bound, share] = used(found, BOUNDS)[0]!;
      return [
        `${instances} instance${instances === 1 ? '' : 's'}`,
        found.commands.toFixed(0),
        (found.cpuMs / 1e3).toFixed(3),
        (found.bytesIn / 1e6).toFixed(1),
        (found.bytesOut / 1e6).toFixed(1),
        found.connections.toFixed(0),
        (found.memoryBytes / GIGABYTE).toFixed(1),
        (found.copyingCpuMs / 1e3).toFixed(3),
        found.returnSeconds.toFixed(1),
        `${bound}: ${(100 * share).toFixed(0)} %`,
      ];
    }),
    [`up to ${reach(costs, load, BOUNDS)} instances`, ...Array.from({ length: 9 }, () => '')],
  ];
}
