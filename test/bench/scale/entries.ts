import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { askFor } from '../asks.ts';
import type { Contender } from '../contender.ts';
import { askAtOnce, driveClosed, quantile } from '../load/drive.ts';
import type { Ask } from '../load/drive.ts';
import type { PlantainOptions } from '../plantain.ts';
import type { BenchUpstream } from '../upstream.ts';
import { beginPlantain, idleResidentBytes } from './begun.ts';
import { scalesOf } from './row.ts';
import type { ScaleOptions, ScaleRow } from './row.ts';
import { fillShelf } from './shelf-filling.ts';

const COUNTS = [0, 1_000, 10_000, 100_000];
/** The seed of request 0; those of misses are far above those that are kept. */
const FIRST_SEED = 10_000_000;
const UNKNOWN = 20_000_000;
const EXAMPLE = UNKNOWN;
let nextUnknown = UNKNOWN;
const SECONDS = 2;
const KEPT_MS = 500;
/** A look-up that takes too long is a miss: on a machine with other work that may be. */
const TOLERATED = 0.01;

/** So many pictures kept on disk, none in memory: how a gateway starts on them, and finds one of them or none. */
export async function benchEntries(upstream: BenchUpstream, options: ScaleOptions): Promise<readonly ScaleRow[]> {
  await upstream.set({ reply: 'tiny', delayMs: 0 });
  const directory = mkdtempSync(join(tmpdir(), 'plantain-bench-'));
  const rows: ScaleRow[] = [];
  let kept = 0;
  try {
    const example = await keepExample(upstream, directory);
    for (const count of scalesOf(COUNTS, options)) {
      const more = { firstSeed: FIRST_SEED + kept, count: count - kept };
      if (more.count > 0) await fillShelf(join(directory, 'data/cache'), example, more);
      kept = count;
      rows.push(...(await withEntries(upstream, directory, count)));
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return rows;
}

/** What a gateway itself kept there: the others are made like it. */
async function keepExample(upstream: BenchUpstream, directory: string): Promise<Buffer> {
  const { plantain } = await beginPlantain(optionsFor(upstream, directory));
  const example = storedAsk(plantain)(EXAMPLE);
  try {
    await askAtOnce(plantain.url, [example]);
    await sleep(KEPT_MS);
  } finally {
    await plantain.close();
  }
  return example;
}

async function withEntries(upstream: BenchUpstream, directory: string, count: number): Promise<readonly ScaleRow[]> {
  const { plantain, firstAnswer } = await beginPlantain(optionsFor(upstream, directory));
  try {
    const idle = await idleResidentBytes(plantain);
    const stored = storedAsk(plantain);
    const row = { subject: 'entries on disk', count } as const;
    const miss = await p50Of({ upstream, plantain }, () => stored((nextUnknown += 1)), 'miss');
    const known = (): Buffer => stored(Math.floor(Math.random() * count));
    const hit = count === 0 ? null : await p50Of({ upstream, plantain }, known, 'hit');
    return [
      { ...row, what: 'start to first answer', value: firstAnswer.ms, unit: 'ms' },
      { ...row, what: 'its CPU until then', value: firstAnswer.cpuMs, unit: 'ms' },
      { ...row, what: 'resident, idle', value: idle / 1e6, unit: 'MB' },
      ...(hit === null ? [] : [{ ...row, what: 'a hit out of the disk, p50', value: hit, unit: 'ms' }]),
      { ...row, what: 'a miss that is kept, p50', value: miss, unit: 'ms' },
    ];
  } finally {
    await plantain.close();
  }
}

/** Every hit is one out of the disk. */
function optionsFor({ url }: BenchUpstream, directory: string): PlantainOptions {
  return { upstreamUrl: url, directory, config: { cache: { memoryBytes: 1 } } };
}

/** By its number, from which `askFor` makes its seed. */
function storedAsk(plantain: Contender): (number: number) => Buffer {
  const ask = askFor(plantain, 'gemini', 'stored', 'tiny');
  return (number) => ask(number) as Buffer;
}

/** Of one caller. Throws where the vendor heard of hits. */
async function p50Of(
  { upstream, plantain }: { readonly upstream: BenchUpstream; readonly plantain: Contender },
  ask: Ask,
  kind: 'hit' | 'miss',
): Promise<number> {
  await driveClosed({ url: plantain.url, ask, connections: 1, seconds: SECONDS / 2 });
  await upstream.calls();
  const { requests, times } = await driveClosed({ url: plantain.url, ask, connections: 1, seconds: SECONDS });
  const calls = await upstream.calls();
  if (kind === 'hit' ? calls > requests * TOLERATED : calls < requests)
    throw new Error(`${requests} requests that were to be a ${kind} each made ${calls} calls`);
  return quantile(times, 0.5);
}
