import { MB } from '../../support/big-picture.ts';
import { askFor, askWithReferences } from '../asks.ts';
import { forgetPeaks, spentBy } from '../cores.ts';
import { askAtOnce } from '../load/drive.ts';
import type { BenchedPlantain } from '../plantain.ts';
import type { BenchUpstream } from '../upstream.ts';
import { beginPlantain, warmResidentBytes } from './begun.ts';
import { untilCalled } from './called.ts';
import { scalesOf } from './row.ts';
import type { ScaleOptions, ScaleRow } from './row.ts';

const COUNTS = [1, 8, 64];
const REFERENCES = 14;
const REFERENCE_BYTES = 7 * MB;
const BYTES_IN_FLIGHT = 256 * MB;
/** Of the edit: one body, of which bodies have half. */
const EDIT_BOUNDS = { bodyBytes: 160 * MB, bytesInFlight: 320 * MB };
const BESIDE_MB = 150;
const BODIES_EACH = 2.5;

/** Peaks of the resident set: over large replies that come at one time, and over an edit of many references. */
export async function benchLarge(upstream: BenchUpstream, options: ScaleOptions): Promise<readonly ScaleRow[]> {
  return [...(await replies(upstream, options)), ...(await references(upstream))];
}

async function replies(upstream: BenchUpstream, options: ScaleOptions): Promise<readonly ScaleRow[]> {
  await upstream.set({ reply: 'tiny', delayMs: 0 });
  const { plantain } = await beginPlantain({
    upstreamUrl: upstream.url,
    config: { bounds: { bytesInFlight: BYTES_IN_FLIGHT } },
  });
  const rows: ScaleRow[] = [];
  try {
    await warmResidentBytes(plantain);
    const ask = askFor(plantain, 'gemini', 'fresh', '20 MB');
    for (const count of scalesOf(COUNTS, options)) {
      await upstream.set({ reply: '20 MB', delayMs: null });
      await upstream.calls();
      const startedAt = performance.now();
      const peak = peakOf(plantain, () => askAtOnce(plantain.url, Array.from({ length: count }, ask)));
      await Promise.race([untilCalled(upstream, count), peak]);
      const calledMs = performance.now() - startedAt;
      await upstream.set({ reply: '20 MB', delayMs: 0 });
      const peakMb = await peak;
      const row = { subject: 'replies of 20 MB at once', count } as const;
      const most = BYTES_IN_FLIGHT / 1e6 + BESIDE_MB;
      rows.push(
        { ...row, what: 'resident at most, of 268 MB in flight', value: peakMb, unit: 'MB', most },
        { ...row, what: 'all answered', value: performance.now() - startedAt - calledMs, unit: 'ms' },
      );
    }
  } finally {
    await plantain.close();
  }
  return rows;
}

async function references(upstream: BenchUpstream): Promise<readonly ScaleRow[]> {
  await upstream.set({ reply: 'tiny', delayMs: 0 });
  const { plantain } = await beginPlantain({ upstreamUrl: upstream.url, config: { bounds: EDIT_BOUNDS } });
  try {
    const idleMb = (await warmResidentBytes(plantain)) / 1e6;
    const request = askWithReferences(plantain, REFERENCES, REFERENCE_BYTES)(0) as readonly Buffer[];
    const bodyMb = request.reduce((sum, { length }) => sum + length, 0) / 1e6;
    const peakMb = await peakOf(plantain, () => askAtOnce(plantain.url, [request]));
    const what = `an edit of ${REFERENCES} references of 7 MB, ${bodyMb.toFixed(0)} MB in all: resident at most`;
    const row = { subject: null, count: 1, unit: 'MB' } as const;
    return [
      { ...row, what, value: peakMb, most: BODIES_EACH * bodyMb + BESIDE_MB },
      { ...row, what: 'over what it was before', value: peakMb - idleMb },
    ];
  } finally {
    await plantain.close();
  }
}

/** In megabytes, of the gateway while the work is done. */
async function peakOf(plantain: BenchedPlantain, work: () => Promise<unknown>): Promise<number> {
  forgetPeaks(plantain.pids());
  await work();
  return spentBy(plantain.pids()).peakBytes / 1e6;
}
