import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { askFor } from '../asks.ts';
import { askAtOnce, driveOpen, quantile } from '../load/drive.ts';
import type { BenchedPlantain } from '../plantain.ts';
import type { BenchUpstream } from '../upstream.ts';
import { beginPlantain } from './begun.ts';
import type { ScaleOptions, ScaleRow } from './row.ts';

const HITS_A_SECOND = 200;
const MISSES_A_SECOND = 20;
const STALL_MS = 100;
const BETWEEN_MS = 100;
const SECONDS = 5;
const MOST_P99_MS = 10;

/**
 * Hits while nothing can be written to the ledger for 100 ms, again and again: its file is locked from here. Misses
 * beside them, which do wait for it, are told to show that it is so.
 */
export async function benchStalls(upstream: BenchUpstream, { isQuick }: ScaleOptions): Promise<readonly ScaleRow[]> {
  await upstream.set({ reply: 'tiny', delayMs: 0 });
  const { plantain } = await beginPlantain({ upstreamUrl: upstream.url });
  const seconds = isQuick ? SECONDS / 2 : SECONDS;
  try {
    await askAtOnce(plantain.url, [askFor(plantain, 'gemini', 'again', 'tiny')(0)]);
    await drive(plantain, 1);
    const quiet = await drive(plantain, seconds);
    const ledger = new DatabaseSync(join(plantain.directory, 'data/ledger.db'), { timeout: 0 });
    const stalling = new AbortController();
    const stalls = stall(ledger, stalling.signal);
    const stalled = await drive(plantain, seconds).finally(() => stalling.abort());
    const count = await stalls;
    ledger.close();
    const row = { subject: null, count: 1, unit: 'ms' } as const;
    return [
      { ...row, what: `hits, ${HITS_A_SECOND} a second, p50`, value: quantile(quiet.hits, 0.5) },
      { ...row, what: `hits, ${HITS_A_SECOND} a second, p99`, value: quantile(quiet.hits, 0.99) },
      { ...row, what: 'a miss meanwhile, p50', value: quantile(quiet.misses, 0.5) },
      {
        ...row,
        what: `the ledger stalls ${STALL_MS} ms, ${count} times: hits, p50`,
        value: quantile(stalled.hits, 0.5),
      },
      { ...row, what: 'the ledger stalls: hits, p99', value: quantile(stalled.hits, 0.99), most: MOST_P99_MS },
      { ...row, what: 'the ledger stalls: a miss, p50', value: quantile(stalled.misses, 0.5) },
    ];
  } finally {
    await plantain.close();
  }
}

async function drive(plantain: BenchedPlantain, seconds: number) {
  const at = (wish: 'again' | 'fresh', rate: number) =>
    driveOpen({ url: plantain.url, ask: askFor(plantain, 'gemini', wish, 'tiny'), rate, seconds });
  const [hits, misses] = await Promise.all([at('again', HITS_A_SECOND), at('fresh', MISSES_A_SECOND)]);
  return { hits: hits.times, misses: misses.times };
}

/** How often it was locked until the signal came. */
async function stall(ledger: DatabaseSync, signal: AbortSignal): Promise<number> {
  let stalls = 0;
  while (!signal.aborted) {
    try {
      ledger.exec('BEGIN IMMEDIATE');
    } catch {
      // The gateway is just writing.
      await sleep(1);
      continue;
    }
    await sleep(STALL_MS);
    ledger.exec('ROLLBACK');
    stalls += 1;
    await sleep(BETWEEN_MS);
  }
  return stalls;
}
