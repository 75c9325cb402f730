import { startBounds } from './bounds/bounds.ts';
import { CELLS } from './cells.ts';
import type { Contender } from './contender.ts';
import { benchLatency } from './latency.ts';
import type { LatencyRow } from './latency.ts';
import { startPlantain } from './plantain.ts';
import { startRivals } from './rivals/rivals.ts';
import { compare } from './side-by-side.ts';
import type { LaneResult } from './side-by-side.ts';
import { startUpstream } from './upstream.ts';

export interface Versus {
  readonly lanes: readonly LaneResult[];
  readonly latency: readonly LatencyRow[];
  /** Who could not be compared with, and why. */
  readonly missing: readonly string[];
}

/** The gateway beside its rivals, before one vendor: the same work in turns. `told` hears of each cell when it is done. */
export async function benchVersus(isQuick: boolean, told: (lanes: readonly LaneResult[]) => void): Promise<Versus> {
  const upstream = await startUpstream();
  const rivals = await startRivals(upstream.url, isQuick ? ['nginx'] : ['nginx', 'haproxy', 'portkey', 'litellm']);
  const bounds = await startBounds(upstream.url);
  const plantain = await startPlantain({ upstreamUrl: upstream.url });
  // What it keeps in memory is too little for any picture.
  const disk = await startPlantain({
    name: 'Plantain from disk',
    upstreamUrl: upstream.url,
    config: { cache: { memoryBytes: 1 } },
  });
  const direct: Contender = { name: 'direct', url: upstream.url, headers: {}, pids: () => [] };
  const contenders = [direct, ...rivals.contenders, ...bounds.contenders, plantain, disk];
  try {
    const lanes: LaneResult[] = [];
    for (const cell of CELLS) {
      if (isQuick && cell.isLong === true) continue;
      await upstream.set({ reply: cell.reply, delayMs: 0 });
      // Thousands of small requests are what has V8 compile what runs for days.
      const isSmall = cell.reply === 'tiny';
      const found = await compare(
        cell,
        contenders,
        isQuick
          ? { rounds: 1, seconds: 0.3, warmSeconds: isSmall ? 0.4 : 0.1, leadSeconds: 0.15 }
          : { rounds: 3, seconds: 0.4, warmSeconds: isSmall ? 1.2 : 0.5, leadSeconds: 0.2 },
      );
      told(found);
      lanes.push(...found);
    }
    const latency = await benchLatency(
      upstream,
      contenders,
      isQuick ? { rounds: 1, seconds: 1.2 } : { rounds: 3, seconds: 1.5 },
    );
    return { lanes, latency, missing: rivals.missing };
  } finally {
    await Promise.all([rivals.close(), bounds.close(), plantain.close(), disk.close()]);
    await upstream.close();
  }
}
