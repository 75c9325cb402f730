import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSimulator } from '../../src/simulator/server.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { startRedis } from '../support/redis-server.ts';
import { balancesIn } from './balances.ts';
import type { Account } from './books.ts';
import type { Between } from './checks/leaks.ts';
import { configOf, UPSTREAM_KEYS } from './config.ts';
import { carryOut } from './carry-out.ts';
import type { Befallen } from './carry-out.ts';
import { eventsOf } from './events.ts';
import { heldLeases } from './leases.ts';
import { Instance } from './lives.ts';
import { startLoad } from './load/drive.ts';
import type { Load } from './load/drive.ts';
import { makeSamples } from './load/samples.ts';
import { changesIn } from './redis-history.ts';
import type { Op } from './redis-history.ts';
import { settle } from './settle.ts';
import type { Settled } from './settle.ts';
import { makeWeather, spellsOf, until } from './weather.ts';
import { Witness } from './witness.ts';

export interface SoakOptions {
  readonly seed: string;
  readonly seconds: number;
  readonly concurrency: number;
  readonly redis: boolean;
  /** Whether data directories and logs stay where they are. */
  readonly keep: boolean;
  readonly say: (line: string) => void;
}

/** All that happened, for the checks. The files are there until `close`. */
export interface Soaked {
  readonly options: SoakOptions;
  readonly load: Load;
  readonly instances: readonly Instance[];
  readonly witness: Witness;
  readonly befallen: readonly Befallen[];
  /** Of each gateway: as it was when the last processes had warmed up, and at the end. */
  readonly before: readonly Settled[];
  readonly after: readonly Settled[];
  /** What there was between the two. */
  readonly between: Between;
  readonly leases: readonly string[];
  /** Null: there is no Redis. */
  readonly redisBalances: readonly Account[] | null;
  /** The same, of all changes in their order. */
  readonly redisChanges: readonly Op[] | null;
  /** Of the last processes: their exit codes. */
  readonly codes: readonly (number | string | null)[];
  close(): Promise<void>;
}

/** When, as a share of the time, the last processes are measured for the first time. */
const WARM = 0.72;

/** Starts everything, lets the plan happen, and stops what it started, except for what it hands back. */
export async function soak(options: SoakOptions): Promise<Soaked> {
  const { seed, seconds, concurrency, redis: withRedis, keep, say } = options;
  const root = mkdtempSync(join(tmpdir(), 'plantain-soak-'));
  const simulator = await startSimulator({ signatureBytes: 2_000, keys: [...UPSTREAM_KEYS] });
  const witness = new Witness(simulator);
  const instances: Instance[] = [];
  let redis: RedisServer | null = null;
  const stop = new AbortController();
  // However this process ends, nothing of it goes on.
  const tidy = (): void => {
    if (keep) say(`ledgers, pictures and logs are in ${root}`);
    else rmSync(root, { recursive: true, force: true });
  };
  const abandon = (): void => {
    for (const instance of instances) instance.kill();
    redis?.abandon();
    tidy();
  };
  process.once('exit', abandon);
  const close = async (): Promise<void> => {
    stop.abort();
    for (const instance of instances) instance.kill();
    await simulator.close();
    await redis?.close();
    tidy();
    process.off('exit', abandon);
  };
  try {
    redis = withRedis ? await startRedis() : null;
    const config = configOf({ simulatorUrl: simulator.url, seconds, redisUrl: redis?.url ?? null });
    for (let index = 0; index < (withRedis ? 2 : 1); index += 1) {
      instances.push(new Instance(index, mkdtempSync(join(root, `gateway-${index}-`)), config));
      await instances[index]!.start();
    }
    const vendorPort = Number(new URL(simulator.url).port);
    const at = (instance: number): Instance => instances[instance % instances.length]!;
    const samples = await makeSamples();
    const load = startLoad({
      seed,
      concurrency,
      samples,
      destination: (instance) => at(instance).destination,
      whenUp: (instance) => at(instance).whenUp(),
    });
    const failed = Promise.race([load.ended, ...instances.map((instance) => instance.failed)]);
    failed.catch(() => undefined);
    const startedAt = Date.now();
    const elapsed = (share: number): Promise<void> =>
      until(stop.signal, startedAt + share * seconds * 1000 - Date.now());
    const weather = makeWeather(simulator, spellsOf(seed), stop.signal);
    const befalling = carryOut(eventsOf(seed, seconds, withRedis), { instances, redis, startedAt, say });

    await Promise.race([Promise.all([elapsed(WARM), befalling]), failed]);
    say('the events are over: a pause, to measure what an idle gateway holds');
    const goOn = await load.pause();
    const before = await Promise.all(instances.map((instance) => settle(instance, vendorPort)));
    const asked = load.told.length;
    goOn();
    await Promise.race([sleep((1 - WARM) * seconds * 1000), failed]);
    say('the time is over: what is in the air comes to its end');
    await load.stop();
    stop.abort();
    await weather;
    const later = load.told.slice(asked);
    const between = { requests: later.length, tasks: later.filter(({ status }) => status === 202).length };
    const after = await Promise.all(instances.map((instance) => settle(instance, vendorPort)));
    const leases = redis === null ? [] : await heldLeases(redis);
    for (const instance of instances) await instance.scrapeNow();
    await Promise.all(instances.map((instance) => instance.stop()));
    const codes = instances.map(({ life }) => life.end?.code ?? null);
    witness.close();
    const redisBalances = redis === null ? null : await balancesIn(redis);
    const redisChanges = redis === null ? null : await changesIn(redis);
    const befallen = await befalling;
    return {
      options,
      load,
      instances,
      witness,
      befallen,
      before,
      after,
      between,
      leases,
      redisBalances,
      redisChanges,
      codes,
      close,
    };
  } catch (error) {
    witness.close();
    await close();
    throw error;
  }
}
