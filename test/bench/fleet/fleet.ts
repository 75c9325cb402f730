import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '../../support/redis-server.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import { BENCH_KEY, PICTURE_USD, startPlantain } from '../plantain.ts';
import type { BenchedPlantain } from '../plantain.ts';
import { startUpstream } from '../upstream.ts';
import type { BenchUpstream } from '../upstream.ts';

/** What a Redis loses of its last writes when it crashes: a second of them at most. It is Redis's own default. */
export const APPENDFSYNC = 'everysec';

/** What each of these tenants may have, and no more. */
export const ALLOWED = { pictures: 40, imagesPerMinute: 30, requestsPerMinute: 50, concurrentImages: 8 } as const;
export type LimitedTenant = keyof typeof ALLOWED;

/** Gateways in processes of their own, with one Redis for budgets, limits and pictures, before one vendor. */
export interface BenchFleet {
  readonly upstream: BenchUpstream;
  readonly redis: RedisServer;
  readonly gateways: readonly BenchedPlantain[];
  /** Starts more of them, until there are so many. */
  grow(instances: number): Promise<void>;
  close(): Promise<void>;
}

export async function startBenchFleet(): Promise<BenchFleet> {
  const upstream = await startUpstream();
  const redis = await startRedis('--appendfsync', APPENDFSYNC);
  const gateways: BenchedPlantain[] = [];
  const directories: string[] = [];
  const config = { state: redis.url, cache: { store: 'redis' }, tenants: tenants() };
  return {
    upstream,
    redis,
    gateways,
    async grow(instances) {
      while (gateways.length < instances) {
        const directory = mkdtempSync(join(tmpdir(), 'plantain-fleet-'));
        directories.push(directory);
        gateways.push(await startPlantain({ upstreamUrl: upstream.url, config, directory, isOfFleet: true }));
      }
    },
    async close() {
      await Promise.all(gateways.map((gateway) => gateway.close()));
      await redis.close();
      await upstream.close();
      for (const directory of directories) rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function keyOf(tenant: LimitedTenant): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${BENCH_KEY}-${tenant}` };
}

function tenants(): readonly object[] {
  const { pictures, ...limits } = ALLOWED;
  const budget = (limitUsd: number): object => ({ budgets: [{ limitUsd, per: 'day' }] });
  return [
    // Limited as a tenant is, and by nothing that a bench could reach: so each request is counted.
    { id: 'bench', keys: [{ key: BENCH_KEY }], ...budget(1_000_000), limits: { requestsPerMinute: 1_000_000 } },
    { id: 'pictures', keys: [{ key: `${BENCH_KEY}-pictures` }], ...budget(pictures * PICTURE_USD) },
    ...Object.entries(limits).map(([name, limit]) => ({
      id: name.toLowerCase(),
      keys: [{ key: `${BENCH_KEY}-${name}` }],
      limits: { [name]: limit },
    })),
  ];
}
