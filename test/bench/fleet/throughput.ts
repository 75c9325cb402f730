import { setTimeout as sleep } from 'node:timers/promises';
import { askFor } from '../asks.ts';
import { spentBy } from '../cores.ts';
import { driveClosed, quantile } from '../load/drive.ts';
import type { BenchedPlantain } from '../plantain.ts';
import type { Cost } from './arithmetic.ts';
import type { BenchFleet } from './fleet.ts';
import { between, spentByRedis } from './redis-spent.ts';

export interface ThroughputRow {
  readonly work: 'fresh' | 'memory';
  readonly processes: number;
  readonly requestsPerSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  /** CPU of all gateways, and of Redis, for one request. */
  readonly gatewayCpuMs: number;
  readonly redisCpuMs: number;
  /** What Redis did in a second. */
  readonly redis: Cost;
}

const CONNECTIONS = 64;
const SECONDS = 3;
const SETTLE_MS = 400;

/** Small pictures, drawn anew or out of memory, asked of all instances at the same time. */
export async function benchThroughput(fleet: BenchFleet, instances: number): Promise<readonly ThroughputRow[]> {
  const rows: ThroughputRow[] = [];
  const gateways = fleet.gateways.slice(0, instances);
  for (const [work, wish] of [
    ['fresh', 'fresh'],
    ['memory', 'again'],
  ] as const) {
    const drive = (seconds: number) =>
      Promise.all(
        gateways.map((gateway) =>
          driveClosed({
            url: gateway.url,
            ask: askFor(gateway, 'gemini', wish, 'tiny'),
            connections: CONNECTIONS / gateways.length,
            seconds,
          }),
        ),
      );
    await drive(SECONDS / 3);
    await sleep(SETTLE_MS);
    const spent = () => spentBy(gateways.map(({ pid }: BenchedPlantain) => pid)).cpuMs;
    const spentByServer = () => spentBy([fleet.redis.pid!]).cpuMs;
    const [redis, gatewaysMs, redisMs] = [await spentByRedis(fleet.redis), spent(), spentByServer()];
    const driven = await drive(SECONDS);
    await sleep(SETTLE_MS);
    const found = between(redis, await spentByRedis(fleet.redis));
    const requests = driven.reduce((sum, each) => sum + each.requests, 0);
    const seconds = Math.max(...driven.map((each) => each.seconds));
    const times = driven.flatMap((each) => each.times).toSorted((a, b) => a - b);
    rows.push({
      work,
      processes: instances,
      requestsPerSecond: requests / seconds,
      medianMs: quantile(times, 0.5),
      p99Ms: quantile(times, 0.99),
      gatewayCpuMs: (spent() - gatewaysMs) / requests,
      redisCpuMs: (spentByServer() - redisMs) / requests,
      redis: {
        commands: found.commands / seconds,
        cpuMs: found.cpuMs / seconds,
        bytesIn: found.bytesIn / seconds,
        bytesOut: found.bytesOut / seconds,
      },
    });
  }
  return rows;
}
