import { setTimeout as sleep } from 'node:timers/promises';
import { MB } from '../../support/big-picture.ts';
import { askFor } from '../asks.ts';
import type { Wish } from '../asks.ts';
import { spentBy } from '../cores.ts';
import { driveClosed } from '../load/drive.ts';
import type { ReplyName } from '../replies.ts';
import { added } from './arithmetic.ts';
import type { Cost, Costs, Kind, KindCost } from './arithmetic.ts';
import { askGladly, byTurns } from './asking.ts';
import type { BenchFleet } from './fleet.ts';
import { between, spentByRedis } from './redis-spent.ts';
import type { Between } from './redis-spent.ts';
import { benchSharing } from './sharing.ts';
import type { Sharing } from './sharing.ts';

/** What one instance costs Redis, and all that can be measured on one. */
export interface OwnCosts extends Sharing {
  readonly alone: Cost;
  readonly idle: Cost;
  readonly saving: KindCost;
  readonly kinds: Readonly<Record<Exclude<Kind, 'shared' | 'joined'>, KindCost>>;
  readonly megabyteIn: Cost;
  readonly connections: number;
  readonly memory: { readonly picture: number; readonly change: number; readonly entry: number };
}

/** What takes two. */
export interface PairCosts {
  readonly kinds: Readonly<Record<'shared' | 'joined', KindCost>>;
  readonly megabyteOut: Cost;
  readonly copiedCpuMs: number;
  readonly known: Cost;
}

const COUNT = 200;
/** Few, so that Redis gets each command by itself, as it does from many instances with little to do each. */
const AT_ONCE = 4;
const IDLE_MS = 4_000;
const RETURN_MS = 3_000;
const SETTLE_MS = 400;
const BIG = { reply: '1.6 MB', megabytes: (1.6 * MB) / 1e6, count: 24 } as const;
/** Long enough for both to be there, and as few of them at a time as of the others. */
const JOINS = { count: 60, delayMs: 150, atOnce: 2 * AT_ONCE } as const;
const DRIVEN_SECONDS = 3;
/** Many, so that each look of the other finds many changes, as it does where there are many others. */
const DRIVERS = 64;
/** Of the numbers that are no others' here. */
const FROM = { stored: 2_000_000, big: 3_000_000, joined: 4_000_000, alone: 5_000_000 } as const;

/** Of a Redis for a second, with nobody there yet. */
export async function benchAlone(fleet: BenchFleet): Promise<Cost> {
  return rate(await during(fleet, () => sleep(IDLE_MS / 2)));
}

/** With one instance. */
export async function benchOwnCosts(fleet: BenchFleet, alone: Cost): Promise<OwnCosts> {
  const { redis, upstream } = fleet;
  const lines = await redis.cli('CLIENT', 'LIST');
  const connections = lines.split('\n').filter((line) => line.includes('name=plantain')).length;
  await upstream.set({ reply: 'tiny', delayMs: 0 });
  // Their scripts are known then, and there is something to read.
  await ask(fleet, 'fresh', 'tiny', 0, COUNT);
  await ask(fleet, 'stored', 'tiny', FROM.alone, 8);
  await ask(fleet, 'again', 'tiny', 0, 8);
  await sleep(SETTLE_MS);
  const quiet = rate(await during(fleet, () => sleep(IDLE_MS)));
  const idle = less(quiet, { ...alone, scripts: 0, changes: 0, published: 0 }, 1);
  const sharing = await benchSharing(redis, quiet);
  const counted = async (wish: Wish, from: number): Promise<Counted> =>
    countOff(await during(fleet, () => ask(fleet, wish, 'tiny', from, COUNT)), COUNT, 1, { alone, idle, ...sharing });

  await upstream.set({ reply: 'tiny', delayMs: 0, isVaried: true });
  const fresh = await counted('fresh', 0);
  const stored = await counted('stored', FROM.stored);
  const memory = await counted('again', 0);
  const slow = await during(fleet, async () => {
    for (let waited = 0; waited < IDLE_MS; waited += 250) {
      await ask(fleet, 'again', 'tiny', 0, 1);
      await sleep(250);
    }
  });
  const hits = IDLE_MS / 250;
  const savings = countOff(slow, slow.seconds, 1, { alone, idle, ...sharing });
  const saving = less(savings.cost, memory.cost, hits / slow.seconds);

  await upstream.set({ reply: BIG.reply, delayMs: 0, isVaried: true });
  const big = await during(fleet, () => ask(fleet, 'stored', BIG.reply, FROM.big, BIG.count));
  const bigCost = countOff(big, BIG.count, 1, { alone, idle, ...sharing }).cost;
  await upstream.set({ reply: 'tiny', delayMs: 0 });

  const log = '{plantain}:live:log';
  const change = Number(await redis.cli('MEMORY', 'USAGE', log, 'SAMPLES', '0')) / Number(await redis.cli('XLEN', log));
  const picture = fresh.memoryBytes - fresh.cost.changes * change;
  return {
    ...sharing,
    alone,
    idle,
    saving,
    connections,
    kinds: { fresh: fresh.cost, stored: stored.cost, memory: memory.cost },
    megabyteIn: scaled(less(bigCost, stored.cost, 1), 1 / BIG.megabytes),
    memory: { picture, change, entry: stored.memoryBytes - fresh.memoryBytes },
  };
}

/** With two: what the first has drawn is asked of the second, and then both draw. */
export async function benchPairCosts(fleet: BenchFleet, own: OwnCosts): Promise<PairCosts> {
  const { upstream, gateways } = fleet;
  const [first, second] = gateways;
  const counted = (found: Between, count: number): KindCost => countOff(found, count, 2, own).cost;
  await sleep(SETTLE_MS);
  const shared = counted(await during(fleet, () => ask(fleet, 'stored', 'tiny', FROM.stored, COUNT, second)), COUNT);
  const big = counted(
    await during(fleet, () => ask(fleet, 'stored', BIG.reply, FROM.big, BIG.count, second)),
    BIG.count,
  );

  await upstream.set({ reply: 'tiny', delayMs: JOINS.delayMs, isVaried: true });
  await upstream.calls();
  const wish = askFor(first!, 'gemini', 'stored', 'tiny');
  const pairs = await during(fleet, () =>
    askGladly(
      byTurns([first!, second!], (number) => wish(FROM.joined + (number >> 1)), 0, 2 * JOINS.count),
      JOINS.atOnce,
    ),
  );
  const calls = await upstream.calls();
  if (calls !== JOINS.count) throw new Error(`${JOINS.count} pictures that two instances want took ${calls} calls`);
  const joined = less(counted(pairs, JOINS.count), own.kinds.stored, 1);

  await upstream.set({ reply: 'tiny', delayMs: 0 });
  const cpu = (): number => spentBy([second!.pid]).cpuMs;
  const idleFrom = cpu();
  await sleep(IDLE_MS);
  const idleMs = (cpu() - idleFrom) / IDLE_MS;
  const from = cpu();
  const driven = await during(fleet, () =>
    driveClosed({
      url: first!.url,
      ask: askFor(first!, 'gemini', 'fresh', 'tiny'),
      connections: DRIVERS,
      seconds: DRIVEN_SECONDS,
    }),
  );
  const copiedCpuMs = Math.max(0, cpu() - from - idleMs * driven.seconds * 1000) / driven.changes;
  return {
    kinds: { shared, joined },
    megabyteOut: scaled(less(big, shared, 1), 1 / BIG.megabytes),
    copiedCpuMs,
    known: await benchReturn(fleet, own),
  };
}

/** All connections are lost, and with them what Redis may have lost: each instance asks about each picture it knows. */
async function benchReturn({ redis, gateways }: BenchFleet, own: OwnCosts): Promise<Cost> {
  const before = await spentByRedis(redis);
  await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await sleep(RETURN_MS);
  for (const { operationsUrl } of gateways)
    if (!(await fetch(`${operationsUrl}/readyz`)).ok) throw new Error('an instance did not come back to its Redis');
  const found = between(before, await spentByRedis(redis));
  // Each of them is one HGET.
  const asked = found.calls.get('hget') ?? 0;
  if (asked === 0) throw new Error('no instance asked about the pictures it knows');
  return countOff(found, asked, gateways.length, own).cost;
}

export function together(own: OwnCosts, pair: PairCosts, tenantBytes: number): Costs {
  return {
    ...own,
    kinds: { ...own.kinds, ...pair.kinds },
    megabyteOut: pair.megabyteOut,
    copiedCpuMs: pair.copiedCpuMs,
    known: pair.known,
    memory: { ...own.memory, tenant: tenantBytes },
  };
}

async function ask(
  fleet: BenchFleet,
  wish: Wish,
  reply: ReplyName,
  from: number,
  count: number,
  gateway = fleet.gateways[0]!,
): Promise<void> {
  await askGladly(byTurns([gateway], askFor(gateway, 'gemini', wish, reply), from, count), AT_ONCE);
}

/** What Redis spends on it, until all that follows from it is done too. */
async function during(fleet: BenchFleet, work: () => Promise<unknown>): Promise<Between> {
  const before = await spentByRedis(fleet.redis);
  await work();
  await sleep(SETTLE_MS);
  return between(before, await spentByRedis(fleet.redis));
}

type Anyway = Sharing & Pick<OwnCosts, 'alone' | 'idle'>;

interface Counted {
  readonly cost: KindCost;
  readonly memoryBytes: number;
}

/** Of one of so many: without what instances cost anyway, and what it costs that they read and hear of it. */
function countOff(found: Between, count: number, instances: number, anyway: Anyway): Counted {
  const { changes, seconds, calls } = found;
  const published = calls.get('publish') ?? 0;
  const scripts = (calls.get('evalsha') ?? 0) + (calls.get('eval') ?? 0);
  // In looks, each of which is one XRANGE.
  const looks = calls.get('xrange') ?? 0;
  const own = Math.max(looks, LOOKS_PER_SECOND * seconds * instances);
  const others = added([
    { cost: anyway.alone, times: seconds },
    { cost: anyway.idle, times: seconds * instances },
    { cost: anyway.read, times: changes * instances },
    { cost: anyway.look, times: own - LOOKS_PER_SECOND * seconds * instances },
    { cost: anyway.heard, times: published * instances },
  ]);
  const cost = scaled(
    less({ ...found, published, scripts }, { ...others, changes: 0, published: 0, scripts: own }, 1),
    1 / count,
  );
  return { cost, memoryBytes: found.memoryBytes / count };
}

const LOOKS_PER_SECOND = 5;

function rate(found: Between): KindCost {
  return scaled({ ...found, changes: 0, published: 0, scripts: 0 }, 1 / found.seconds);
}

function less(cost: KindCost, part: KindCost, times: number): KindCost {
  const of = (field: keyof KindCost): number => Math.max(0, cost[field] - part[field] * times);
  return {
    commands: of('commands'),
    cpuMs: of('cpuMs'),
    bytesIn: of('bytesIn'),
    bytesOut: of('bytesOut'),
    changes: of('changes'),
    published: of('published'),
    scripts: of('scripts'),
  };
}

function scaled(cost: KindCost, times: number): KindCost {
  const { changes, published, scripts } = cost;
  const told = { changes: changes * times, published: published * times, scripts: scripts * times };
  return { ...added([{ cost, times }]), ...told };
}
