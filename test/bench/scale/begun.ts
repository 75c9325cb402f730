import { setTimeout as sleep } from 'node:timers/promises';
import { askFor } from '../asks.ts';
import { spentBy } from '../cores.ts';
import { askAtOnce, driveClosed } from '../load/drive.ts';
import type { Ask } from '../load/drive.ts';
import { startPlantain } from '../plantain.ts';
import type { BenchedPlantain, PlantainOptions } from '../plantain.ts';

/** Whoever measures what is resident of an idle gateway lets it rest so long before. */
const REST_MS = 3_000;
const WARM_SECONDS = 1;

export interface Begun {
  readonly plantain: BenchedPlantain;
  /** From the birth of its process to the end of its first answer; what that cost says more on a machine with other work. */
  readonly firstAnswer: { readonly ms: number; readonly cpuMs: number };
}

/** A gateway that has answered once: to `ask`, or else with a small picture. */
export async function beginPlantain(options: PlantainOptions, ask?: Ask): Promise<Begun> {
  const plantain = await startPlantain(options);
  try {
    await askAtOnce(plantain.url, [(ask ?? askFor(plantain, 'gemini', 'fresh', 'tiny'))(0)]);
    const ms = performance.now() - plantain.begunAt;
    return { plantain, firstAnswer: { ms, cpuMs: spentBy(plantain.pids()).cpuMs } };
  } catch (error) {
    await plantain.close();
    throw error;
  }
}

/** What is resident once it has drawn for a second, and rested: code that runs for the first time is not counted as the scale's. */
export async function warmResidentBytes(plantain: BenchedPlantain): Promise<number> {
  const ask = askFor(plantain, 'gemini', 'fresh', 'tiny');
  await driveClosed({ url: plantain.url, ask, connections: 8, seconds: WARM_SECONDS });
  return idleResidentBytes(plantain);
}

export async function idleResidentBytes(plantain: BenchedPlantain): Promise<number> {
  await rest();
  return (await plantain.probe()).residentBytes;
}

export function rest(): Promise<void> {
  return sleep(REST_MS);
}
