import { readFileSync } from 'node:fs';
import { askFor } from '../asks.ts';
import { askAtOnce } from '../load/drive.ts';
import type { BenchUpstream } from '../upstream.ts';
import { beginPlantain, warmResidentBytes } from './begun.ts';
import { untilCalled } from './called.ts';
import { scalesOf } from './row.ts';
import type { ScaleOptions, ScaleRow } from './row.ts';

const COUNTS = [100, 1_000, 5_000];
const MOST_KILOBYTES = 80;
/** Of fewer, what the process breathes in and out by itself is more than they hold. */
const LEAST_TOLD = 1_000;
/** Callers may have half of the gateway's descriptors, and its own files count too. */
const DESCRIPTORS_EACH = 2;
const OWN_DESCRIPTORS = 200;

/** So many calls to the vendor at one time, none answered until all are there: what each holds meanwhile. Throws where one fails. */
export async function benchGenerations(upstream: BenchUpstream, options: ScaleOptions): Promise<readonly ScaleRow[]> {
  const rows: ScaleRow[] = [];
  for (const count of scalesOf(COUNTS, options)) {
    if (mostDescriptors() < count * DESCRIPTORS_EACH + OWN_DESCRIPTORS) {
      console.log(`not measured: ${count} generations in the air (ulimit -n says ${mostDescriptors()})`);
      continue;
    }
    rows.push(...(await inTheAir(upstream, count)));
  }
  return rows;
}

async function inTheAir(upstream: BenchUpstream, count: number): Promise<readonly ScaleRow[]> {
  await upstream.set({ reply: 'tiny', delayMs: 0 });
  const { plantain } = await beginPlantain({ upstreamUrl: upstream.url, config: { bounds: { inTheAir: count } } });
  try {
    const idle = await warmResidentBytes(plantain);
    await upstream.set({ reply: 'tiny', delayMs: null });
    await upstream.calls();
    const ask = askFor(plantain, 'gemini', 'fresh', 'tiny');
    const startedAt = performance.now();
    const answered = askAtOnce(
      plantain.url,
      Array.from({ length: count }, (_, index) => ask(index)),
    );
    await Promise.race([untilCalled(upstream, count), answered]);
    const calledMs = performance.now() - startedAt;
    const full = (await plantain.probe()).residentBytes;
    const releasedAt = performance.now();
    await upstream.set({ reply: 'tiny', delayMs: 0 });
    const { requests } = await answered;
    const answeredMs = performance.now() - releasedAt;
    if (requests !== count) throw new Error(`${requests} of ${count} were answered`);
    const row = { subject: 'generations in the air', count } as const;
    const most = count < LEAST_TOLD ? {} : { most: MOST_KILOBYTES };
    return [
      { ...row, what: 'resident, each', value: (full - idle) / count / 1e3, unit: 'KB', ...most },
      { ...row, what: 'resident, in all', value: full / 1e6, unit: 'MB' },
      { ...row, what: 'until all are at the vendor', value: calledMs, unit: 'ms' },
      { ...row, what: 'from its answers to the last one here', value: answeredMs, unit: 'ms' },
    ];
  } finally {
    await plantain.close();
  }
}

/** Of one process: https://man7.org/linux/man-pages/man5/proc_pid_limits.5.html */
function mostDescriptors(): number {
  return Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);
}
