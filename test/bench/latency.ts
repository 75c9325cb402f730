import { askFor } from './asks.ts';
import { alone } from './contender.ts';
import type { Contender } from './contender.ts';
import { driveOpen, median, quantile } from './load/drive.ts';
import type { BenchUpstream } from './upstream.ts';

const RATE = 500;
const VENDOR_MS = 50;
const LANES: readonly string[] = ['direct', 'nginx', 'haproxy', 'Fastify + undici', 'least of a miss', 'Plantain'];

export interface LatencyRow {
  readonly lane: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Over asking the vendor itself. */
  readonly addedP50Ms: number;
  readonly addedP99Ms: number;
}

/** Small requests at a constant rate, whatever becomes of them, before a vendor that takes 50 ms. */
export async function benchLatency(
  upstream: BenchUpstream,
  contenders: readonly Contender[],
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<readonly LatencyRow[]> {
  await upstream.set({ reply: 'tiny', delayMs: VENDOR_MS });
  const lanes = contenders
    .filter(({ name }) => LANES.includes(name))
    .map((contender) => ({
      contender,
      ask: askFor(contender, 'gemini', 'fresh', 'tiny'),
      p50: [] as number[],
      p99: [] as number[],
    }));
  for (const { contender, ask } of lanes)
    await alone(contender, contenders, () => driveOpen({ url: contender.url, ask, rate: RATE, seconds: 1 }));
  for (let round = 0; round < rounds; round += 1)
    for (let turn = 0; turn < lanes.length; turn += 1) {
      const lane = lanes[(turn + round) % lanes.length]!;
      const { times } = await alone(lane.contender, contenders, () =>
        driveOpen({ url: lane.contender.url, ask: lane.ask, rate: RATE, seconds }),
      );
      lane.p50.push(quantile(times, 0.5));
      lane.p99.push(quantile(times, 0.99));
    }
  const direct = lanes.find(({ contender }) => contender.name === 'direct')!;
  return lanes.map(({ contender, p50, p99 }) => ({
    lane: contender.name,
    p50Ms: median(p50),
    p99Ms: median(p99),
    addedP50Ms: median(p50) - median(direct.p50),
    addedP99Ms: median(p99) - median(direct.p99),
  }));
}
