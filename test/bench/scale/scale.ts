import { startUpstream } from '../upstream.ts';
import { benchEmbedded } from './embedded.ts';
import { benchEntries } from './entries.ts';
import { benchGenerations } from './generations.ts';
import { benchIdentical } from './identical.ts';
import { benchLarge } from './large.ts';
import type { ScaleRow } from './row.ts';
import { benchStalls } from './stalls.ts';
import { benchTenants } from './tenants.ts';

const PARTS = [benchEmbedded, benchGenerations, benchIdentical, benchLarge, benchTenants, benchEntries, benchStalls];

/** One process under what there is much of. `told` hears of each part when it is done. */
export async function benchScale(
  isQuick: boolean,
  told: (rows: readonly ScaleRow[]) => void,
): Promise<readonly ScaleRow[]> {
  const upstream = await startUpstream();
  const rows: ScaleRow[] = [];
  try {
    for (const bench of PARTS) {
      const found = await bench(upstream, { isQuick });
      told(found);
      rows.push(...found);
    }
  } finally {
    await upstream.close();
  }
  return rows;
}
