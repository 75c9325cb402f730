import { setTimeout as sleep } from 'node:timers/promises';
import { spentNanos } from '../../support/scrape.ts';
import { askFor } from '../asks.ts';
import { askAtOnce } from '../load/drive.ts';
import type { BenchUpstream } from '../upstream.ts';
import { beginPlantain } from './begun.ts';
import { scalesOf } from './row.ts';
import type { ScaleOptions, ScaleRow } from './row.ts';

const COUNTS = [10, 100, 1_000];
const VENDOR_MS = 500;
const PICTURE_NANOS = 50_000_000;
/** What a picture cost is counted a moment after it is delivered. */
const SETTLED_MS = 300;

/** The same repeatable request by so many callers at one time: what the vendor hears of it, and what it costs. */
export async function benchIdentical(upstream: BenchUpstream, options: ScaleOptions): Promise<readonly ScaleRow[]> {
  await upstream.set({ reply: 'tiny', delayMs: 0 });
  const { plantain } = await beginPlantain({ upstreamUrl: upstream.url });
  await upstream.set({ reply: 'tiny', delayMs: VENDOR_MS });
  const ask = askFor(plantain, 'gemini', 'stored', 'tiny');
  const rows: ScaleRow[] = [];
  try {
    for (const count of scalesOf(COUNTS, options)) {
      const request = ask(count);
      await sleep(SETTLED_MS);
      const before = await spentNanos(plantain);
      await upstream.calls();
      const { seconds } = await askAtOnce(
        plantain.url,
        Array.from({ length: count }, () => request),
      );
      await sleep(SETTLED_MS);
      const charges = ((await spentNanos(plantain)) - before) / PICTURE_NANOS;
      const calls = await upstream.calls();
      if (calls === 0) throw new Error('the picture was there before it was asked for');
      const row = { subject: 'identical requests at once', count } as const;
      rows.push(
        { ...row, what: 'calls to the vendor', value: calls, unit: '', most: 1 },
        { ...row, what: 'charges', value: charges, unit: '', most: 1 },
        {
          ...row,
          what: `all answered, over the vendor's ${VENDOR_MS} ms`,
          value: seconds * 1e3 - VENDOR_MS,
          unit: 'ms',
        },
      );
    }
  } finally {
    await plantain.close();
  }
  return rows;
}
