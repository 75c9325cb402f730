import { goToAnyCore } from '../cores.ts';
import { forecast } from './arithmetic.ts';
import type { Cost, Costs, Kind } from './arithmetic.ts';
import { benchAlone, benchOwnCosts, benchPairCosts, together } from './costs.ts';
import { ALLOWED, startBenchFleet } from './fleet.ts';
import { benchLimits } from './limits.ts';
import type { LimitRow } from './limits.ts';
import { tenantBytes } from './memory.ts';
import { benchThroughput } from './throughput.ts';
import type { ThroughputRow } from './throughput.ts';

/** What the arithmetic says of a measured load, beside what Redis did. */
export interface ForecastRow {
  readonly work: ThroughputRow['work'];
  readonly processes: number;
  readonly predicted: Cost;
  readonly measured: Cost;
}

export interface FleetFound {
  readonly throughput: readonly ThroughputRow[];
  readonly limits: readonly LimitRow[];
  readonly costs: Costs;
  readonly forecasts: readonly ForecastRow[];
}

/** Several gateways with one Redis: how fast, whether their limits hold, and what they cost it. */
export async function benchFleet(isQuick: boolean): Promise<FleetFound> {
  goToAnyCore();
  const fleet = await startBenchFleet();
  try {
    const alone = await benchAlone(fleet);
    await fleet.grow(1);
    const throughput = [...(await benchThroughput(fleet, 1))];
    const own = await benchOwnCosts(fleet, alone);
    await fleet.grow(2);
    const pair = await benchPairCosts(fleet, own);
    throughput.push(...(await benchThroughput(fleet, 2)));
    if (!isQuick) {
      await fleet.grow(4);
      throughput.push(...(await benchThroughput(fleet, 4)));
    }
    const limits = await benchLimits(fleet);
    const costs = together(own, pair, await tenantBytes(fleet.redis, Object.keys(ALLOWED).length + 1));
    const forecasts = throughput.map((row) => ({
      work: row.work,
      processes: row.processes,
      predicted: predicted(costs, row),
      measured: row.redis,
    }));
    return { throughput, limits, costs, forecasts };
  } finally {
    await fleet.close();
  }
}

function predicted(costs: Costs, { work, processes, requestsPerSecond }: ThroughputRow): Cost {
  const none: Record<Kind, number> = { fresh: 0, stored: 0, memory: 0, shared: 0, joined: 0 };
  const each = { ...none, [work]: requestsPerSecond / processes };
  return forecast(costs, { instances: processes, each, pictureBytes: 0, entries: 0, tenants: 0 });
}
