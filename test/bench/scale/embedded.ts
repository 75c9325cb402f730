import { median } from '../load/drive.ts';
import type { BenchUpstream } from '../upstream.ts';
import { beginPlantain, idleResidentBytes } from './begun.ts';
import type { ScaleOptions, ScaleRow } from './row.ts';

const STARTS = 5;
const MOST_MS = 1_500;
const MOST_MB = 120;

/** `npm start` without a key: medians of some starts. */
export async function benchEmbedded({ url }: BenchUpstream, { isQuick }: ScaleOptions): Promise<readonly ScaleRow[]> {
  const starts: number[] = [];
  const idles: number[] = [];
  for (let start = 0; start < (isQuick ? 1 : STARTS); start += 1) {
    const { plantain, firstAnswerMs } = await beginPlantain({ upstreamUrl: url, config: null });
    starts.push(firstAnswerMs);
    idles.push(await idleResidentBytes(plantain));
    await plantain.close();
  }
  const row = { subject: null, count: 1 } as const;
  return [
    { ...row, what: 'npm start to its first picture', value: median(starts), unit: 'ms', most: MOST_MS },
    { ...row, what: 'then resident, idle', value: median(idles) / 1e6, unit: 'MB', most: MOST_MB },
  ];
}
