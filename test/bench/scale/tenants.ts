import { hash } from 'node:crypto';
import { askFor } from '../asks.ts';
import { spentBy } from '../cores.ts';
import { driveClosed, quantile } from '../load/drive.ts';
import type { BenchUpstream } from '../upstream.ts';
import { beginPlantain, idleResidentBytes } from './begun.ts';
import { scalesOf } from './row.ts';
import type { ScaleOptions, ScaleRow } from './row.ts';

const COUNTS = [1, 100, 10_000];
const CONNECTIONS = 8;
const SECONDS = 2;

/** So many tenants in the configuration, a key and a budget each, and small requests by any of them. */
export async function benchTenants(upstream: BenchUpstream, options: ScaleOptions): Promise<readonly ScaleRow[]> {
  await upstream.set({ reply: 'tiny', delayMs: 0 });
  const rows: ScaleRow[] = [];
  for (const count of scalesOf(COUNTS, options)) rows.push(...(await withTenants(upstream, count)));
  return rows;
}

async function withTenants(upstream: BenchUpstream, count: number): Promise<readonly ScaleRow[]> {
  const keys = Array.from({ length: count }, (_, index) => `sk-bench-${index}`);
  const tenants = keys.map((key, index) => ({
    id: `tenant-${index}`,
    keys: [{ sha256: hash('sha256', key) }],
    budgets: [{ limitUsd: 1_000_000, per: 'day' }],
  }));
  const asks = keys.map((key) => askFor(withKey(key), 'gemini', 'fresh', 'tiny'));
  const anyAsk = (number: number): Buffer | readonly Buffer[] => asks[Math.floor(Math.random() * count)]!(number);
  const { plantain, firstAnswer } = await beginPlantain({ upstreamUrl: upstream.url, config: { tenants } }, anyAsk);
  try {
    const idle = await idleResidentBytes(plantain);
    const drive = (seconds: number) =>
      driveClosed({ url: plantain.url, ask: anyAsk, connections: CONNECTIONS, seconds });
    await drive(SECONDS / 2);
    const before = spentBy(plantain.pids()).cpuMs;
    const { requests, seconds, times } = await drive(SECONDS);
    const cpuMs = spentBy(plantain.pids()).cpuMs - before;
    const row = { subject: 'tenants', count } as const;
    return [
      { ...row, what: 'start to first answer', value: firstAnswer.ms, unit: 'ms' },
      { ...row, what: 'its CPU until then', value: firstAnswer.cpuMs, unit: 'ms' },
      { ...row, what: 'resident, idle', value: idle / 1e6, unit: 'MB' },
      { ...row, what: `misses, ${CONNECTIONS} at once`, value: requests / seconds, unit: 'a second' },
      { ...row, what: 'CPU of a miss', value: cpuMs / requests, unit: 'ms' },
      { ...row, what: 'a miss, p50', value: quantile(times, 0.5), unit: 'ms' },
    ];
  } finally {
    await plantain.close();
  }
}

function withKey(key: string) {
  const headers = { authorization: `Bearer ${key}` };
  return { name: key, url: '', headers, pids: () => [] } as const;
}
