import { startBound } from '../bounds/bounds.ts';
import { forgetPeaks, spentBy } from '../cores.ts';
import { median } from '../load/drive.ts';
import type { BenchUpstream } from '../upstream.ts';
import { beginPlantain, idleResidentBytes, rest } from './begun.ts';
import type { ScaleOptions, ScaleRow } from './row.ts';

const STARTS = 3;
const MOST_MS = 1_500;
const MOST_MB = 120;

/** `npm start` without a key: the median of some starts, and what is resident of the last. */
export async function benchEmbedded({ url }: BenchUpstream, { isQuick }: ScaleOptions): Promise<readonly ScaleRow[]> {
  const starts: number[] = [];
  const costs: number[] = [];
  let idle = 0;
  const count = isQuick ? 1 : STARTS;
  while (starts.length < count) {
    const { plantain, firstAnswer } = await beginPlantain({ upstreamUrl: url, config: null });
    starts.push(firstAnswer.ms);
    costs.push(firstAnswer.cpuMs);
    if (starts.length === count) idle = await idleResidentBytes(plantain);
    await plantain.close();
  }
  const row = { subject: null, count: 1 } as const;
  return [
    { ...row, what: 'npm start to its first picture', value: median(starts), unit: 'ms', most: MOST_MS },
    { ...row, what: 'its CPU until then', value: median(costs), unit: 'ms' },
    { ...row, what: 'then resident, idle', value: idle / 1e6, unit: 'MB', most: MOST_MB },
    {
      ...row,
      what: 'the packages alone, with two threads of SQLite',
      value: (await packagesBytes(2)) / 1e6,
      unit: 'MB',
    },
  ];
}

/** Of the last of some starts: the first may have to compile what the gateway has compiled long ago. */
async function packagesBytes(starts: number): Promise<number> {
  const { pid, close } = await startBound('packages', '');
  try {
    if (starts === 1) {
      await rest();
      forgetPeaks([pid]);
      return spentBy([pid]).peakBytes;
    }
  } finally {
    await close();
  }
  return packagesBytes(starts - 1);
}
