import { setTimeout as sleep } from 'node:timers/promises';
import { MB } from '../support/big-picture.ts';
import { startBenchedGateway } from './gateway.ts';
import type { BenchedGateway } from './gateway.ts';

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

const RUNS = 3;
/** V8 keeps the pages of a heap that has shrunk for some 8 s. */
const IDLE_MS = 12_000;

/** What is asked after what: how many pictures, and how many of them at once. */
const STEPS = [
  { name: '1 reply of 20 MB', count: 1, atOnce: 1 },
  { name: '3 in all', count: 2, atOnce: 1 },
  { name: '10 in all', count: 7, atOnce: 1 },
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
  const gateway = await startBenchedGateway({
    pictureBytes: 20 * MB,
    signatureBytes: 2 * MB,
    when: 'never',
    root,
  });
  try {
    await gateway.ask('small');
    await sleep(IDLE_MS);
    const warm = await gateway.probe();
    const rows: MemoryRow[] = [];
    for (const { name, count, atOnce } of STEPS) {
      const before = await gateway.probe();
      await askMany(gateway, count, atOnce);
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
  }
}

async function askMany(gateway: BenchedGateway, count: number, atOnce: number): Promise<void> {
  const one = async (): Promise<void> => {
    for (let asked = 0; asked < count / atOnce; asked += 1) await gateway.ask('large');
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}
