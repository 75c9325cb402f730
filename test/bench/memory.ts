import { setTimeout as sleep } from 'node:timers/promises';
import { MB } from '../support/big-picture.ts';
import { askFor } from './asks.ts';
import { askAtOnce } from './load/drive.ts';
import { startPlantain } from './plantain.ts';
import { startUpstream } from './upstream.ts';

export interface MemoryRow {
  readonly name: string;
  /** Over what it was after the first small picture: at once, and after some idle seconds. */
  readonly residentMb: number;
  readonly idleMb: number;
  /** Of the main thread's CPU: the longest slice, how many were over 20 ms, and what one picture cost. */
  readonly longestMs: number;
  readonly over20Ms: number;
  readonly cpuMs: number;
}

const RUNS = 1;
/** V8 keeps the pages of a heap that has shrunk for some 8 s. */
const IDLE_MS = 8_500;

/** What is asked after what: how many pictures, and how many of them at once. */
const STEPS = [
  { name: '1 reply of 20 MB', count: 1, atOnce: 1 },
  { name: '10 in all', count: 9, atOnce: 1 },
  { name: '48 more in a row', count: 48, atOnce: 1 },
  { name: '48 more, 8 at once', count: 48, atOnce: 8 },
] as const;

/** Memory and event loop of a gateway that keeps nothing, medians of some runs. */
export async function benchMemory(root?: string): Promise<MemoryRow[]> {
  const runs: MemoryRow[][] = [];
  for (let run = 0; run < RUNS; run += 1) runs.push(await oneRun(root));
  return STEPS.map(({ name }, step) => {
    const of = (field: Exclude<keyof MemoryRow, 'name'>): number =>
      runs.map((rows) => rows[step]![field]).toSorted((a, b) => a - b)[RUNS >> 1]!;
    return {
      name,
      residentMb: of('residentMb'),
      idleMb: of('idleMb'),
      longestMs: of('longestMs'),
      over20Ms: of('over20Ms'),
      cpuMs: of('cpuMs'),
    };
  });
}

async function oneRun(root: string | undefined): Promise<MemoryRow[]> {
  const upstream = await startUpstream();
  const gateway = await startPlantain({ upstreamUrl: upstream.url, root, config: { cache: { when: 'never' } } });
  const ask = askFor(gateway, 'images', 'fresh', '20 MB');
  try {
    await askAtOnce(gateway.url, [ask(0)]);
    await upstream.set({ reply: '20 MB', delayMs: 0 });
    await sleep(IDLE_MS);
    const warm = await gateway.probe();
    const rows: MemoryRow[] = [];
    for (const { name, count, atOnce } of STEPS) {
      const before = await gateway.probe();
      for (let asked = 0; asked < count; asked += atOnce)
        await askAtOnce(
          gateway.url,
          Array.from({ length: atOnce }, () => ask(0)),
        );
      const after = await gateway.probe();
      await sleep(IDLE_MS);
      const idle = await gateway.probe();
      rows.push({
        name,
        residentMb: (after.residentBytes - warm.residentBytes) / MB,
        idleMb: (idle.residentBytes - warm.residentBytes) / MB,
        longestMs: Math.max(after.longestMs, idle.longestMs),
        over20Ms: after.over20Ms + idle.over20Ms,
        cpuMs: (after.cpuMs - before.cpuMs) / count,
      });
    }
    return rows;
  } finally {
    await gateway.close();
    await upstream.close();
  }
}
